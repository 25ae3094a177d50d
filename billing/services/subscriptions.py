"""Agreeing to a plan and moving to another."""

from datetime import datetime

from django.db import transaction

from billing.models import Plan, Subscription, SubscriptionStatus
from billing.signals import PlanChanged, SubscriptionCreated
from config.common.errors import NotFound
from config.common.events import publish
from organizations.models import Organization
from organizations.services import limits

FIRST_PLAN = "FREE"


@transaction.atomic
def subscribe(*, organization_id: int, plan_code: str, at: datetime) -> Subscription:
    """Open a subscription; its periods are counted from now. The database refuses a second active one."""
    plan = _plan(plan_code)
    subscription = Subscription.objects.create(
        organization_id=organization_id, plan=plan, anchor_at=at
    )
    _push_seats(organization_id, plan)
    publish(
        SubscriptionCreated(
            organization_id=organization_id, subscription_id=subscription.pk, plan=plan.code
        )
    )
    return subscription


@transaction.atomic
def change_plan(*, organization: Organization, plan_code: str) -> Subscription:
    """Move to another plan at once; its limits hold at the gate within two seconds. Raises NotFound."""
    plan = _plan(plan_code)
    subscription = (
        Subscription.objects.select_for_update(of=("self",))
        .select_related("plan")
        .get(organization=organization, status=SubscriptionStatus.ACTIVE)
    )
    old = subscription.plan
    if old == plan:
        return subscription
    subscription.plan = plan
    subscription.save(update_fields=["plan", "updated_at"])
    _push_seats(organization.pk, plan)
    publish(
        PlanChanged(
            organization_id=organization.pk,
            subscription_id=subscription.pk,
            old_plan=old.code,
            plan=plan.code,
        )
    )
    return subscription


def _plan(code: str) -> Plan:
    plan = Plan.objects.filter(code=code).first()
    if plan is None:
        raise NotFound(f"There is no plan called {code}.")
    return plan


def _push_seats(organization_id: int, plan: Plan) -> None:
    # An unlimited plan is pushed down as more seats than anyone has.
    limits.set_seat_limit(organization_id=organization_id, seats=plan.seat_limit or 1_000_000)
