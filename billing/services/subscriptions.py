"""Agreeing to a plan and moving to another."""

from datetime import datetime

from django.db import IntegrityError, transaction

from billing.models import Plan, Subscription, SubscriptionStatus
from billing.signals import PlanChanged, SubscriptionCreated
from config.common import changes
from config.common.errors import Conflict, NotFound
from config.common.events import publish
from organizations.models import Organization
from organizations.services import limits

FIRST_PLAN = "FREE"


class AlreadySubscribed(Conflict):
    """An organization has one active subscription at a time."""

    code = "already_subscribed"
    title = "There is an active subscription"
    fix = "Change the plan of the subscription instead."


@transaction.atomic
def subscribe(*, organization_id: int, plan_code: str, at: datetime) -> Subscription:
    """Open a subscription; its periods are counted from now.

    Raises NotFound, or AlreadySubscribed: an index lets one of several simultaneous ones through.
    """
    plan = _standing_plan(plan_code)
    try:
        with transaction.atomic():
            subscription = Subscription.objects.create(
                organization_id=organization_id, plan=plan, anchor_at=at
            )
    except IntegrityError:
        raise AlreadySubscribed from None
    limits.set_seat_limit(organization_ids=[organization_id], seats=plan.seat_limit)
    publish(
        SubscriptionCreated(
            organization_id=organization_id, subscription_id=subscription.pk, plan=plan.code
        ),
        after={**changes.told(subscription), "plan": plan.code},
    )
    return subscription


@transaction.atomic
def change_plan(*, organization: Organization, plan_code: str) -> Subscription:
    """Move to another plan at once; its limits hold at the gate within two seconds. Raises NotFound."""
    plan = _standing_plan(plan_code)
    subscription = (
        Subscription.objects.select_for_update(of=("self",), no_key=True)
        .select_related("plan")
        .get(organization=organization, status=SubscriptionStatus.ACTIVE)
    )
    old = subscription.plan
    if old == plan:
        return subscription
    subscription.plan = plan
    subscription.save(update_fields=["plan", "updated_at"])
    limits.set_seat_limit(organization_ids=[organization.pk], seats=plan.seat_limit)
    publish(
        PlanChanged(
            organization_id=organization.pk,
            subscription_id=subscription.pk,
            old_plan=old.code,
            plan=plan.code,
        ),
        **changes.of(plan=(old.code, plan.code)),
    )
    return subscription


def _standing_plan(code: str) -> Plan:
    # FOR SHARE, which the ORM does not know: many subscribe at the same time, while `update_plan` waits for them, so
    # that the seats that are pushed down are those the plan has.
    found = Plan.objects.raw("SELECT * FROM billing_plan WHERE code = %s FOR SHARE", [code])
    plan = next(iter(found), None)
    if plan is None:
        raise NotFound(f"There is no plan called {code}.")
    return plan
