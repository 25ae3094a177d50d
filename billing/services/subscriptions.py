"""Agreeing to a plan and moving to another."""

from datetime import datetime

from django.db import IntegrityError, transaction

from billing import selectors
from billing.models import Plan, Subscription, SubscriptionStatus
from billing.signals import PlanChanged, SubscriptionCreated
from config.common.errors import Conflict
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
    plan = selectors.plan_called(plan_code)
    try:
        with transaction.atomic():
            subscription = Subscription.objects.create(
                organization_id=organization_id, plan=plan, anchor_at=at
            )
    except IntegrityError:
        raise AlreadySubscribed from None
    _push_seats(subscription)
    publish(
        SubscriptionCreated(
            organization_id=organization_id, subscription_id=subscription.pk, plan=plan.code
        )
    )
    return subscription


@transaction.atomic
def change_plan(*, organization: Organization, plan_code: str) -> Subscription:
    """Move to another plan at once; its limits hold at the gate within two seconds. Raises NotFound."""
    plan = selectors.plan_called(plan_code)
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
    _push_seats(subscription)
    publish(
        PlanChanged(
            organization_id=organization.pk,
            subscription_id=subscription.pk,
            old_plan=old.code,
            plan=plan.code,
        )
    )
    return subscription


def _push_seats(subscription: Subscription) -> None:
    # Read anew: from the moment the subscription names the plan, `update_plan` waits for this transaction.
    seats = Plan.objects.values_list("seat_limit", flat=True).get(pk=subscription.plan_id)
    limits.set_seat_limit(organization_ids=[subscription.organization_id], seats=seats)
