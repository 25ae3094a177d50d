"""Agreeing to a plan and moving to another."""

from datetime import datetime

from django.db import IntegrityError, transaction

from billing.models import Plan, Subscription, SubscriptionStatus
from billing.signals import PlanChanged, SubscriptionCanceled, SubscriptionCreated
from config.common import changes
from config.common.errors import Conflict, NotFound
from config.common.events import publish
from organizations import access
from organizations.models import Organization
from organizations.services import limits

FIRST_PLAN = "FREE"


class AlreadySubscribed(Conflict):
    """An organization has one active subscription at a time."""

    code = "already_subscribed"
    title = "There is an active subscription"
    fix = "Change the plan of the subscription instead."


class NoActiveSubscription(Conflict):
    """The organization has no subscription that could change."""

    code = "no_active_subscription"
    title = "There is no active subscription"
    fix = "Subscribe to a plan first."


@transaction.atomic
def subscribe(*, organization_id: int, plan_code: str, at: datetime) -> Subscription:
    """Open a subscription; its periods are counted from now.

    Raises NotFound, OrganizationIsClosed, or AlreadySubscribed: an index lets one of several simultaneous ones through.
    """
    plan = _standing_plan(plan_code)
    access.lock_open(organization_id)
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
    """Move to another plan at once; its limits hold at the gate within two seconds.

    Raises NotFound, OrganizationIsClosed or NoActiveSubscription.
    """
    plan = _standing_plan(plan_code)
    access.lock_open(organization.pk)
    subscription = lock_active(organization.pk)
    if subscription is None:
        raise NoActiveSubscription
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


@transaction.atomic
def end(*, organization_id: int, at: datetime) -> None:
    """End an organization's subscription at once; nothing happens without one. The caller holds the organization's lock."""
    subscription = lock_active(organization_id)
    if subscription is None:
        return
    before = changes.snapshot(subscription)
    subscription.status, subscription.canceled_at = SubscriptionStatus.CANCELED, at
    subscription.save(update_fields=["status", "canceled_at", "updated_at"])
    publish(
        SubscriptionCanceled(
            organization_id=organization_id,
            subscription_id=subscription.pk,
            plan=subscription.plan.code,
        ),
        **changes.since(before, subscription),
    )


def lock_active(organization_id: int) -> Subscription | None:
    """Lock an organization's active subscription for the rest of the transaction and return it with its plan."""
    active = Subscription.objects.select_for_update(of=("self",), no_key=True)
    return (
        active.select_related("plan")
        .filter(organization_id=organization_id, status=SubscriptionStatus.ACTIVE)
        .first()
    )


def _standing_plan(code: str) -> Plan:
    # FOR SHARE, which the ORM does not know: many subscribe at the same time, while `update_plan` waits for them, so
    # that the seats that are pushed down are those the plan has.
    found = Plan.objects.raw("SELECT * FROM billing_plan WHERE code = %s FOR SHARE", [code])
    plan = next(iter(found), None)
    if plan is None:
        raise NotFound(f"There is no plan called {code}.")
    return plan
