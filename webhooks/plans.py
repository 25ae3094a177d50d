"""What each plan allows of webhooks: how many endpoints, and for how many days messages and their log are kept."""

from typing import NamedTuple


class WebhookAllowance(NamedTuple):
    """The limits of one plan."""

    endpoints: int
    retention_days: int


ALLOWANCES = {
    "FREE": WebhookAllowance(endpoints=5, retention_days=7),
    "BASIC": WebhookAllowance(endpoints=20, retention_days=30),
    "PRO": WebhookAllowance(endpoints=100, retention_days=60),
    "ENTERPRISE": WebhookAllowance(endpoints=1000, retention_days=90),
}
# Private plans are made for customers who get more than what is on offer.
OTHERS = ALLOWANCES["ENTERPRISE"]


def allowance_of_plan(code: str) -> WebhookAllowance:
    """Return what a plan allows."""
    return ALLOWANCES.get(code, OTHERS)
