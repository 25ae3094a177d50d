-- The one script of the gate: buckets, quotas, credits and the usage event of one call, all or nothing.
--
-- Redis runs a script alone, so nothing happens between its first and its last command; a call that is refused counts
-- nowhere (what may be kept is a seed, and the end of a debt that a lowered limit left behind). Redis's clock is the
-- only clock of the buckets.
--
-- KEYS   buckets (0 to 2), then counters (0 to 3), then the usage stream
-- ARGV   1  operation: 't' take, 'g' give back what a lease did not use, 'f' count what passed while Redis was away,
--            'e' only write events: KEYS is the stream alone, every further argument is an event
--        2  number of calls; a take grants as many of them as every limit has room for
--        3  number of buckets     4  number of counters     5  usage event, '' for none (only ever with one call)
--        6  calls that a take must leave in each bucket
--        then for each bucket     interval, depth: in ticks of 100 ns
--        then for each counter    limit, amount per call, end of the period (unix seconds, 0: none), seed, '' for none
--
-- A bucket is the tick at which it will be full again (GCRA, ITU-T I.371), counted from 2026-01-01T00:00Z so that it
-- stays an exact integer in a double until 2054. A counter is what its period has used; one that is missing was lost
-- or belongs to a new period, and only PostgreSQL knows it: the answer then asks for a seed.
--
-- Answers {granted, of each bucket: calls left, µs until one more, of each counter: what is left}
--         granted 0: refused; -1: seeds are needed, with one 0 or 1 per counter instead of the numbers

local EPOCH_SECONDS, TICKS_PER_SECOND = 1767225600, 10000000
local operation = ARGV[1]
if operation == 'e' then
  for i = 2, #ARGV do redis.call('XADD', KEYS[1], '*', 'e', ARGV[i]) end
  return #ARGV - 1
end
local wanted = tonumber(ARGV[2])
local buckets, counters, event, reserve = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local clock = redis.call('TIME')
local now = (clock[1] - EPOCH_SECONDS) * TICKS_PER_SECOND + clock[2] * 10
local values = {}
if buckets + counters > 0 then values = redis.call('MGET', unpack(KEYS, 1, buckets + counters)) end

local function write_bucket(i, waiting)
  if waiting > 0 then
    redis.call('SET', KEYS[i], string.format('%.0f', now + waiting), 'PX', math.ceil(waiting / 10000) + 1)
  else
    redis.call('DEL', KEYS[i])
  end
end

if operation ~= 't' then
  local sign = operation == 'g' and -1 or 1
  for i = 1, buckets do
    if sign < 0 and values[i] then
      write_bucket(i, values[i] - now - wanted * tonumber(ARGV[5 + 2 * i]))
    end
  end
  for j = 1, counters do
    local amount = wanted * tonumber(ARGV[4 + 2 * buckets + 4 * j])
    local used = values[buckets + j]
    if used and amount > 0 then
      redis.call('INCRBY', KEYS[buckets + j], string.format('%.0f', sign * math.min(amount, sign < 0 and tonumber(used) or amount)))
    end
  end
  return {wanted}
end

-- Counters that are missing take their seed, or the call comes back with one.
local seeded, answer, is_seed_needed = {}, {-1}, false
for j = 1, counters do
  local used, seed = values[buckets + j], ARGV[6 + 2 * buckets + 4 * j]
  answer[j + 1] = 0
  if not used then
    if seed == '' then
      answer[j + 1], is_seed_needed = 1, true
    else
      seeded[j], values[buckets + j] = true, seed
    end
  end
end
if is_seed_needed then return answer end

-- How many of the calls every limit has room for.
local granted = wanted
for i = 1, buckets do
  local interval, depth = tonumber(ARGV[5 + 2 * i]), tonumber(ARGV[6 + 2 * i])
  values[i] = math.max(tonumber(values[i] or now) - now, 0)
  if values[i] > depth then
    -- The limit was lowered: the debt is one full bucket of the new one, no more.
    values[i] = depth
    write_bucket(i, depth)
  end
  granted = math.max(0, math.min(granted, math.floor((depth - values[i]) / interval) - reserve))
end
for j = 1, counters do
  local at = 2 * buckets + 4 * j
  local limit, amount = tonumber(ARGV[3 + at]), tonumber(ARGV[4 + at])
  local left = limit - tonumber(values[buckets + j])
  values[buckets + j] = left
  if amount > 0 then granted = math.min(granted, math.max(0, math.floor(left / amount))) end
end

-- Count, remember the call, and say what is left.
answer = {granted}
for i = 1, buckets do
  local interval, depth = tonumber(ARGV[5 + 2 * i]), tonumber(ARGV[6 + 2 * i])
  local waiting = values[i]
  if granted > 0 then
    waiting = waiting + granted * interval
    write_bucket(i, waiting)
  end
  local left = math.max(0, math.floor((depth - waiting) / interval) - reserve)
  answer[#answer + 1] = left
  answer[#answer + 1] = waiting == 0 and 0 or math.ceil((waiting - depth + (left + reserve + 1) * interval) / 10)
end
for j = 1, counters do
  local at = 2 * buckets + 4 * j
  local key, amount, ends_at = KEYS[buckets + j], granted * tonumber(ARGV[4 + at]), ARGV[5 + at]
  if seeded[j] then
    -- A little longer than the period, so that no clock that is late finds the counter gone.
    if ends_at == '0' then redis.call('SET', key, ARGV[6 + at])
    else redis.call('SET', key, ARGV[6 + at], 'EXAT', string.format('%.0f', ends_at + 3600)) end
  end
  if amount > 0 then redis.call('INCRBY', key, string.format('%.0f', amount)) end
  answer[#answer + 1] = math.max(0, values[buckets + j] - amount)
end
if granted > 0 and event ~= '' then redis.call('XADD', KEYS[#KEYS], '*', 'e', event) end
return answer
