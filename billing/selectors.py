"""Questions about plans and what they allow."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Max

from billing.models import Plan, Subscription
from organizations.models import Organization


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an organization may use: its plan's limits, with staff's overrides on top. None means no limit."""

    plan: str
    rate_limit: int
    rate_per_seconds: int
    rate_burst: int
    rate_ceiling: int | None
    quota_limit: int | None
    key_limit: int | None
    period_anchor_at: datetime


def subscription_of(organization: Organization) -> Subscription:
    """Return the active subscription with its plan, or the last one of an organization that is closed."""
    of_it = Subscription.objects.select_related("plan").filter(organization=organization)
    found = of_it.order_by(F("canceled_at").desc(nulls_first=True), "-pk").first()
    assert found is not None, "every organization has a subscription from its creation"
    return found


def allowance_of(organization: Organization) -> Allowance:
    """Return what the organization may use now."""
    subscription = subscription_of(organization)
    plan = subscription.plan
    # Where one of the three is given the other two are as well: a constraint says so.
    has_rate = organization.rate_limit is not None
    quota = organization.quota_limit
    return Allowance(
        plan=plan.code,
        rate_limit=organization.rate_limit or plan.rate_limit,
        rate_per_seconds=organization.rate_per_seconds or plan.rate_per_seconds,
        rate_burst=organization.rate_burst or plan.rate_burst,
        rate_ceiling=None if has_rate else plan.rate_ceiling,
        quota_limit=plan.quota_limit if quota is None else quota,
        key_limit=plan.key_limit,
        period_anchor_at=subscription.anchor_at,
    )


def longest_audit_retention() -> int:
    """Return for how many days the most generous plan shows the audit log."""
    longest = Plan.objects.aggregate(days=Max("audit_retention_days"))["days"]
    return int(longest or 0)
