"""A token bucket in Redis for the platform's own API. The gate has its own script, which counts more than one thing."""

from collections.abc import Sequence
from dataclasses import dataclass

import redis
import structlog

from config.common import redis as connections
from config.common.errors import TooManyRequests

logger = structlog.get_logger(__name__)

# GCRA (ITU-T I.371) in integer microseconds on Redis's own clock; atomic because a script is.
# KEYS the buckets; ARGV for each bucket its interval per token and its depth, in µs.
# Answers for each {allowed, remaining tokens, µs until this call's token is there, µs until the bucket is full, µs until
# the next token is there}. If one refuses, nothing is counted: a refused call costs nothing.
_SCRIPT = """
local now = redis.call('TIME'); now = now[1] * 1000000 + now[2]
local passes, found, answer = true, {}, {}
for i, key in ipairs(KEYS) do
  local interval, depth = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  found[i] = math.max(tonumber(redis.call('GET', key) or now), now)
  if found[i] > now + depth then
    -- The rate was lowered, or the clock was set back: the debt is one full bucket, no more.
    found[i] = now + depth
    redis.call('SET', key, string.format('%.0f', found[i]), 'PX', math.ceil(depth / 1000) + 1)
  end
  if found[i] + interval - now > depth then passes = false end
end
for i, key in ipairs(KEYS) do
  local interval, depth = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local wait = math.max(0, found[i] + interval - now - depth)
  if passes then
    found[i] = found[i] + interval
    redis.call('SET', key, string.format('%.0f', found[i]), 'PX', math.ceil((found[i] - now) / 1000) + 1)
  end
  local missing = found[i] - now
  answer[i] = {wait == 0 and 1 or 0, math.floor((depth - missing) / interval), wait, missing, (missing - 1) % interval + 1}
end
return answer
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """`limit` calls per `per_seconds`, of which `burst` may come at once."""

    limit: int
    per_seconds: int
    burst: int

    @property
    def window_seconds(self) -> int:
        """Seconds in which an empty bucket fills up: the window of the advertised policy."""
        return max(1, -(-self.burst * self.per_seconds // self.limit))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the bucket says: whether the call may pass, and the numbers for its headers."""

    is_allowed: bool
    remaining: int
    retry_after_seconds: int
    reset_seconds: int
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """What an answer tells of one policy: its name, quantity and window, what is left, and when there is more."""

    name: str
    quantity: int
    window_seconds: int
    remaining: int
    reset_seconds: int


def take(bucket: str, rate: Rate) -> Verdict:
    """Take a token from a bucket if it has one.

    When Redis is away the call passes uncounted and a warning is logged: this bucket protects our own API from
    haste. Whoever needs more, as sign-in does, looks at `is_counted` and counts in PostgreSQL.
    """
    counted = _count({bucket: rate})
    if counted is None:
        return Verdict(
            is_allowed=True,
            remaining=rate.burst,
            retry_after_seconds=0,
            reset_seconds=0,
            is_counted=False,
        )
    ((allowed, remaining, wait, reset, _),) = counted
    return Verdict(bool(allowed), max(0, remaining), _seconds(wait), _seconds(reset))


def take_each(buckets: dict[str, tuple[str, Rate]]) -> list[Standing]:
    """Take one token from each bucket, given as its policy's name, the bucket and the rate, or from none.

    Returns how each stands; nothing when Redis is away. Raises TooManyRequests with the fields that say so.
    """
    counted = _count(dict(buckets.values()))
    if counted is None:
        return []
    standings, refused = [], {}
    for (name, (_, rate)), (allowed, remaining, wait, _, more) in zip(
        buckets.items(), counted, strict=True
    ):
        reset = _seconds(more if allowed else wait)
        standings.append(Standing(name, rate.burst, rate.window_seconds, max(0, remaining), reset))
        if not allowed:
            refused[name] = max(1, _seconds(wait))
    if refused:
        headers = {"Retry-After": str(max(refused.values())), **fields(standings)}
        raise TooManyRequests(headers=headers, violated_policies=list(refused))
    return standings


def fields(standings: Sequence[Standing]) -> dict[str, str]:
    """Return the RateLimit fields (draft-ietf-httpapi-ratelimit-headers-10) and their older X- forms."""
    if not standings:
        return {}
    tightest = min(standings, key=lambda one: one.remaining)
    policies = (f'"{one.name}";q={one.quantity};w={one.window_seconds}' for one in standings)
    left = (f'"{one.name}";r={one.remaining};t={one.reset_seconds}' for one in standings)
    return {
        "RateLimit-Policy": ", ".join(policies),
        "RateLimit": ", ".join(left),
        "X-RateLimit-Limit": str(tightest.quantity),
        "X-RateLimit-Remaining": str(tightest.remaining),
        "X-RateLimit-Reset": str(tightest.reset_seconds),
    }


def _count(buckets: dict[str, Rate]) -> list[list[int]] | None:
    """Have the script count; None when Redis is away."""
    arguments: list[int] = []
    for rate in buckets.values():
        interval = rate.per_seconds * 1_000_000 // rate.limit or 1
        arguments += [interval, interval * rate.burst]
    try:
        script = connections.client().register_script(_SCRIPT)
        keys = [connections.key("r", bucket) for bucket in buckets]
        answer: list[list[int]] = script(keys=keys, args=arguments)
    except redis.RedisError as error:
        logger.warning(
            "rate_limit_unavailable", bucket=" ".join(buckets), error=type(error).__name__
        )
        return None
    return answer


def _seconds(microseconds: int) -> int:
    return -(-microseconds // 1_000_000)
