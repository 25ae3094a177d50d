"""Public events become messages owed to customers, in the transaction of the change."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from config.common.events import DomainEvent, published
from organizations import grantable
from organizations.roles import Permission
from organizations.services import closing
from organizations.signals import OrganizationClosed
from webhooks.models import Webhook
from webhooks.services import endpoints, outbox

grantable.register(
    "webhook",
    Webhook,
    {Permission.WEBHOOKS_READ: "view_webhook", Permission.WEBHOOKS_WRITE: "change_webhook"},
)
closing.contribute_hold("webhooks", endpoints.hold_webhooks_of)


@receiver(published)
def owe_message(event: DomainEvent, at: datetime, **_: Any) -> None:
    """Write the message down."""
    outbox.owe(event, at=at)


@receiver(published, sender=OrganizationClosed)
def disable_webhooks_of_closed_organization(
    event: OrganizationClosed, at: datetime, **_: Any
) -> None:
    """What is closed is told that, and nothing more."""
    assert event.organization_id is not None
    endpoints.disable_webhooks_of(organization_id=event.organization_id, at=at)
