"""What happens to subscriptions."""

from dataclasses import dataclass

from config.common.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionCreated(DomainEvent):
    """An organization agreed to a plan."""

    name = "subscription.created"
    summary = "subscribed to {plan}"
    is_public = True
    target_type = "subscription"

    subscription_id: int
    plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChanged(DomainEvent):
    """An organization moved to another plan."""

    name = "subscription.updated"
    summary = "plan changed from {old_plan} to {plan}"
    is_public = True
    target_type = "subscription"

    subscription_id: int
    old_plan: str
    plan: str
