"""What billing does when something happens to organizations."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from billing.services import subscriptions
from config.common.events import published
from organizations.services import closing
from organizations.signals import OrganizationClosed, OrganizationCreated

closing.contribute_hold("subscription", subscriptions.lock_active)


@receiver(published, sender=OrganizationCreated)
def open_first_subscription(event: OrganizationCreated, **_: Any) -> None:
    """Put a new organization on the free plan."""
    assert event.organization_id is not None
    subscriptions.subscribe(
        organization_id=event.organization_id,
        plan_code=subscriptions.FIRST_PLAN,
        at=timezone.now(),
    )


@receiver(published, sender=OrganizationClosed)
def end_subscription(event: OrganizationClosed, at: datetime, **_: Any) -> None:
    """Bill nothing more for what is closed."""
    assert event.organization_id is not None
    subscriptions.end(organization_id=event.organization_id, at=at)
