"""The catalogue of plans, as staff change it."""

from typing import TypedDict

from django.db import transaction

from billing.models import Plan, Subscription, SubscriptionStatus
from billing.signals import PlanCreated, PlanUpdated
from config.common import changes, names
from config.common.events import publish
from organizations.models import Organization
from organizations.services import limits


class PlanTerms(TypedDict, total=False):
    """What a plan is called and what it allows; None stands for no limit."""

    name: str
    position: int
    is_public: bool
    rate_limit: int
    rate_per_seconds: int
    rate_burst: int
    rate_ceiling: int | None
    quota_limit: int | None
    key_limit: int | None
    seat_limit: int | None
    audit_retention_days: int


@transaction.atomic
def create_plan(*, code: str, terms: PlanTerms) -> Plan:
    """Put a plan into the catalogue; its code never changes. Raises InvalidInput."""
    _require_readable(terms)
    plan = Plan.objects.create(code=code, **terms)
    publish(PlanCreated(plan_id=plan.pk, code=plan.code), after=changes.told(plan))
    return plan


@transaction.atomic
def update_plan(*, plan: Plan, terms: PlanTerms) -> Plan:
    """Change what a plan allows; it holds for everyone who is on it, at the gate within two seconds. Raises InvalidInput."""
    _require_readable(terms)
    # Whoever is about to subscribe to the plan or to move to it waits until its seats are pushed down.
    locked = Plan.objects.select_for_update().get(pk=plan.pk)
    after = {name: value for name, value in terms.items() if getattr(locked, name) != value}
    if not after:
        return locked
    before = {name: getattr(locked, name) for name in after}
    for name, value in after.items():
        setattr(locked, name, value)
    locked.save(update_fields=[*after, "updated_at"])
    limits.set_seat_limit(organization_ids=_subscribers(locked), seats=locked.seat_limit)
    publish(PlanUpdated(plan_id=locked.pk, code=locked.code, before=before, after=after))
    return locked


def _require_readable(terms: PlanTerms) -> None:
    if "name" in terms:
        names.require_readable(terms["name"])


def _subscribers(plan: Plan) -> list[int]:
    # Organizations first, as whoever changes or ends one subscription locks them: one that is just moving to another
    # plan, or closing, is waited for and then left out.
    active = Subscription.objects.filter(plan=plan, status=SubscriptionStatus.ACTIVE)
    organizations = Organization.objects.select_for_update(no_key=True).order_by("pk")
    locked = organizations.filter(pk__in=active.values("organization_id")).values_list(
        "pk", flat=True
    )
    standing = active.filter(organization_id__in=list(locked)).order_by("organization_id")
    return list(standing.values_list("organization_id", flat=True))
