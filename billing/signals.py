"""What happens to plans and subscriptions."""

from dataclasses import dataclass
from typing import Any

from config.common.events import ChangeEvent, DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionCreated(DomainEvent):
    """An organization agreed to a plan."""

    name = "subscription.created"
    summary = "subscribed to {plan}"
    is_public = True
    target_type = "subscription"
    is_change = True

    subscription_id: int
    plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChanged(DomainEvent):
    """An organization moved to another plan."""

    name = "subscription.updated"
    summary = "plan changed from {old_plan} to {plan}"
    is_public = True
    target_type = "subscription"
    is_change = True

    subscription_id: int
    old_plan: str
    plan: str

    @property
    def old_values(self) -> dict[str, Any]:
        """The plan before the change."""
        return {"plan": self.old_plan}

    @property
    def new_values(self) -> dict[str, Any]:
        """The plan after the change."""
        return {"plan": self.plan}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionCanceled(DomainEvent):
    """An organization's subscription ended: it is billed and allowed nothing more."""

    name = "subscription.canceled"
    summary = "subscription to {plan} canceled"
    is_public = True
    target_type = "subscription"
    is_change = True

    subscription_id: int
    plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCreated(DomainEvent):
    """Staff put a plan into the catalogue."""

    name = "plan.created"
    summary = "plan {code} created"
    target_type = "plan"
    is_change = True

    plan_id: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanUpdated(ChangeEvent):
    """Staff changed what a plan allows, for everyone who is on it."""

    name = "plan.updated"
    summary = "plan {code} changed"
    target_type = "plan"

    plan_id: int
    code: str
