"""How entries are chained: each hash covers the entry and the hash before it. Pure."""

import hashlib
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import orjson

GENESIS = bytes(32)
PLATFORM_CHAIN = 0  # for what concerns no organization; every other chain has its organization's id

# Everything an entry says. A field that is missing here could be changed without anybody noticing.
COVERED = (
    "chain",
    "sequence",
    "event",
    "summary",
    "organization_id",
    "actor_type",
    "actor_id",
    "actor_label",
    "target_type",
    "target_id",
    "old_values",
    "new_values",
    "data",
    "ip",
    "user_agent",
    "request_id",
)


def as_kept(value: Any) -> Any:
    """Return a JSON value as PostgreSQL gives it back, which its hash is compared with later.

    A whole number so large that it was written with an exponent comes back as an integer, and no zero has a sign.
    """
    if isinstance(value, dict):
        return {name: as_kept(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_kept(item) for item in value]
    if isinstance(value, float):
        return int(value) if abs(value) >= 1e16 else value + 0.0
    return value


def hash_of(values: Mapping[str, Any], previous_hash: bytes) -> bytes:
    """Return SHA-256 over the previous hash and the entry's canonical JSON."""
    content = {name: values[name] for name in COVERED}
    content["occurred_at"] = (
        values["occurred_at"].astimezone(UTC).isoformat(timespec="microseconds")
    )
    canonical = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(previous_hash + canonical).digest()
