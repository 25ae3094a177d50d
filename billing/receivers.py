"""What billing does when something happens to organizations."""

from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from billing.services import subscriptions
from config.common.events import published
from organizations.signals import OrganizationCreated


@receiver(published, sender=OrganizationCreated)
def open_first_subscription(event: OrganizationCreated, **_: Any) -> None:
    """Put a new organization on the free plan."""
    assert event.organization_id is not None
    subscriptions.subscribe(
        organization_id=event.organization_id,
        plan_code=subscriptions.FIRST_PLAN,
        at=timezone.now(),
    )
