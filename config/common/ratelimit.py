"""A token bucket in Redis for the platform's own API. The gate has its own script, which counts more than one thing."""

from dataclasses import dataclass

import redis
import structlog

from config.common import redis as connections

logger = structlog.get_logger(__name__)

# GCRA (ITU-T I.371) in integer microseconds on Redis's own clock; atomic because a script is.
# KEYS[1] the bucket; ARGV interval per token, depth of the bucket in µs, cost in tokens.
# Answers {allowed, remaining tokens, µs until the next token is there, µs until the bucket is full}.
# A refused call writes nothing.
_SCRIPT = """
local now = redis.call('TIME'); now = now[1] * 1000000 + now[2]
local interval, depth, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local next_at = full_at + interval * cost
if next_at - now > depth then
  return {0, math.floor((depth - (full_at - now)) / interval), next_at - now - depth, full_at - now}
end
redis.call('SET', KEYS[1], string.format('%.0f', next_at), 'PX', math.ceil((next_at - now) / 1000) + 1)
return {1, math.floor((depth - (next_at - now)) / interval), 0, next_at - now}
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """`limit` calls per `per_seconds`, of which `burst` may come at once."""

    limit: int
    per_seconds: int
    burst: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the bucket says: whether the call may pass, and the numbers for its headers."""

    is_allowed: bool
    remaining: int
    retry_after_seconds: int
    reset_seconds: int
    is_counted: bool = True


def take(bucket: str, rate: Rate, *, cost: int = 1) -> Verdict:
    """Take tokens from a bucket if it has them.

    When Redis is away the call passes uncounted and a warning is logged: this bucket protects our own API from
    haste. Whoever needs more, as sign-in does, looks at `is_counted` and counts in PostgreSQL.
    """
    interval = rate.per_seconds * 1_000_000 // rate.limit or 1
    try:
        script = connections.client().register_script(_SCRIPT)
        allowed, remaining, wait, reset = script(
            keys=[connections.key("r", bucket)], args=[interval, interval * rate.burst, cost]
        )
    except redis.RedisError as error:
        logger.warning("rate_limit_unavailable", bucket=bucket, error=type(error).__name__)
        return Verdict(
            is_allowed=True,
            remaining=rate.burst,
            retry_after_seconds=0,
            reset_seconds=0,
            is_counted=False,
        )
    return Verdict(bool(allowed), max(0, remaining), -(-wait // 1_000_000), -(-reset // 1_000_000))
