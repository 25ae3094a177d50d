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
--        3  number of buckets     4  number of counters     5  usage event, '' for none (only ever with one call);
--            with 'f' the name of the counting, which is done once however often it is asked for
--        6  calls that a take must leave in each bucket
--        then for each bucket     interval, depth: in ticks of 100 ns
--        then for each counter    limit, amount per call, end of the period (unix seconds, 0: none), seed, '' for none,
--                                 '-' with 'f' where none can be had: counters that are missing are passed over
--
-- A bucket is the tick at which it will be full again (GCRA, ITU-T I.371), counted from 2026-01-01T00:00Z so that it
-- stays an exact integer in a double until 2054. A counter is what its period has used; one that is missing was lost
-- or belongs to a new period, and only PostgreSQL knows it: the answer then asks for a seed.
--
-- Answers {granted, of each bucket: calls left, µs until one more, of each counter: what is left}
--         granted 0: refused; -1: seeds are needed, with one 0 or 1 per counter instead of the numbers; nothing was done

local call, floor, ceil, max, min = redis.call, math.floor, math.ceil, math.max, math.min
local operation = ARGV[1]
if operation == 'e' then
  for i = 2, #ARGV do call('XADD', KEYS[1], '*', 'e', ARGV[i]) end
  return #ARGV - 1
end

local wanted, buckets, counters = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = call('TIME')
local now = (clock[1] - 1767225600) * 10000000 + clock[2] * 10
local values = call('MGET', unpack(KEYS, 1, buckets + counters))
-- Where the arguments of the first bucket and of the first counter begin.
local first, second = 7, 7 + 2 * buckets

-- Counters that are missing take their seed, or the call comes back with one; none is made to be given back to.
local answer = {-1}
for j = 1, operation == 'g' and 0 or counters do
  answer[j + 1] = 0
  if not values[buckets + j] then
    local at = second + 4 * j
    local ends_at, seed = ARGV[at - 2], ARGV[at - 1]
    if seed == '' then
      answer[1], answer[j + 1] = -2, 1
    elseif seed ~= '-' then
      values[buckets + j] = seed
      -- A little longer than the period, so that no clock that is late finds the counter gone.
      if ends_at == '0' then call('SET', KEYS[buckets + j], seed)
      else call('SET', KEYS[buckets + j], seed, 'EXAT', ends_at + 3600) end
    end
  end
end
if answer[1] == -2 then
  answer[1] = -1
  return answer
end

if operation ~= 't' then
  if operation == 'f' and ARGV[5] ~= '' then
    if not call('SET', KEYS[#KEYS] .. ':' .. ARGV[5], 1, 'NX', 'EX', 86400) then return {0} end
  end
  local sign = operation == 'g' and -1 or 1
  for i = 1, buckets do
    if sign < 0 and values[i] then
      local waiting = values[i] - now - wanted * ARGV[first + 2 * i - 2]
      if waiting > 0 then call('SET', KEYS[i], now + waiting, 'PX', ceil(waiting / 10000) + 1)
      else call('DEL', KEYS[i]) end
    end
  end
  for j = 1, counters do
    local used, amount = values[buckets + j], wanted * ARGV[second + 4 * j - 3]
    if used and amount > 0 then
      if sign < 0 then amount = min(amount, tonumber(used)) end
      call('INCRBY', KEYS[buckets + j], sign * amount)
    end
  end
  return {wanted}
end

-- How many of the calls every limit has room for.
local granted, reserve = wanted, tonumber(ARGV[6])
for i = 1, buckets do
  local interval, depth = tonumber(ARGV[first + 2 * i - 2]), tonumber(ARGV[first + 2 * i - 1])
  local waiting = values[i] and max(values[i] - now, 0) or 0
  if waiting > depth then
    -- The limit was lowered: the debt is one full bucket of the new one, no more.
    waiting = depth
    call('SET', KEYS[i], now + depth, 'PX', ceil(depth / 10000) + 1)
  end
  values[i] = waiting
  granted = min(granted, floor((depth - waiting) / interval) - reserve)
end
for j = 1, counters do
  local at = second + 4 * j
  local amount, left = tonumber(ARGV[at - 3]), ARGV[at - 4] - values[buckets + j]
  values[buckets + j] = left
  if amount > 0 then granted = min(granted, floor(left / amount)) end
end
granted = max(granted, 0)

-- Count, remember the call, and say what is left.
answer = {granted}
for i = 1, buckets do
  local interval, depth = tonumber(ARGV[first + 2 * i - 2]), tonumber(ARGV[first + 2 * i - 1])
  local waiting = values[i]
  if granted > 0 then
    waiting = waiting + granted * interval
    call('SET', KEYS[i], now + waiting, 'PX', ceil(waiting / 10000) + 1)
  end
  local left = max(floor((depth - waiting) / interval) - reserve, 0)
  answer[2 * i] = left
  answer[2 * i + 1] = waiting == 0 and 0 or ceil((waiting - depth + (left + reserve + 1) * interval) / 10)
end
for j = 1, counters do
  local amount = granted * ARGV[second + 4 * j - 3]
  if amount > 0 then call('INCRBY', KEYS[buckets + j], amount) end
  answer[2 * buckets + j + 1] = max(values[buckets + j] - amount, 0)
end
if granted > 0 and ARGV[5] ~= '' then call('XADD', KEYS[#KEYS], '*', 'e', ARGV[5]) end
return answer
