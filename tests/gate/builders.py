"""Records and routes made by hand, for tests of the core that need no database."""

from datetime import UTC, datetime
from typing import Any

from apikeys.gateway.limits import Rate
from apikeys.gateway.records import Credits, KeyRecord, Quota
from apikeys.restrictions import QuotaPeriod, Scopes

# In the future, so that what expires at a period's end is not gone at once.
AT = datetime(2040, 5, 17, 12, 0, tzinfo=UTC).timestamp()


def quota(limit: int, period: QuotaPeriod = QuotaPeriod.MONTH, **changes: Any) -> Quota:
    """Return a key's own quota."""
    settled = {
        "name": period.value, "limit": limit, "period": period, "anchor": None,
        "counter": "q:k:7", "kind": "k", "owner_id": 7, **changes,
    }  # fmt: skip
    return Quota(**settled)


def organization_quota(limit: int) -> Quota:
    """Return the quota that an organization's keys share."""
    return quota(limit, QuotaPeriod.BILLING, name="month", counter="q:o:3", kind="o", owner_id=3)


def record(
    rate: Rate = Rate(10, 1, 20),
    *quotas: Quota,
    credits: Credits | None = None,
    **changes: Any,
) -> KeyRecord:
    """Return the record of key 7 of organization 3."""
    settled = {
        "secret_id": 1, "version": "1", "is_service_key": False, "key_id": 7, "name": "A key",
        "organization_id": 3, "environment": "live", "plan": "PRO", "scopes": Scopes(["a"]),
        "rate": rate, "quotas": quotas, "credits": credits, "is_checked": False,
        "head": b"x-org-id: 3\r\n", "fragment": b'"key_id":7', **changes,
    }  # fmt: skip
    return KeyRecord(**settled)
