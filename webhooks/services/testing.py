"""Test events: the example of a type, sent to one endpoint alone."""

from datetime import datetime

from django.db import transaction

from config.common.errors import InvalidInput
from config.common.events import publish
from webhooks import catalogue
from webhooks.models import Trigger, Webhook, WebhookDelivery, WebhookMessage
from webhooks.services import doorbell, outbox, resending
from webhooks.signals import WebhookTested

DEFAULT_TYPE = "webhook.created"


@transaction.atomic
def send_test(*, webhook: Webhook, at: datetime, event_type: str = DEFAULT_TYPE) -> WebhookDelivery:
    """Send the catalogue's example of an event type to one endpoint, whatever it subscribed to, and return the delivery.

    Raises InvalidInput for an unknown type, or EndpointDisabled.
    """
    described = catalogue.described(event_type)
    if described is None:
        raise InvalidInput.at(
            "#/event_type",
            code="event_type",
            message=f"No event is called {event_type[:80]!r}.",
            fix="Use a name from the list of event types.",
        )
    locked = resending.enabled(webhook.pk)
    owed = WebhookMessage.objects.create(
        message_id=outbox.new_message_id(),
        organization_id=locked.organization_id,
        event_type=event_type,
        payload=outbox.payload_of(event_type, at, described.example["data"]),
        is_test=True,
        occurred_at=at,
        fanned_out_at=at,
    )
    delivery = WebhookDelivery.objects.create(
        organization_id=locked.organization_id,
        webhook=locked,
        message=owed,
        trigger=Trigger.TEST,
        next_attempt_at=at,
    )
    publish(
        WebhookTested(
            organization_id=locked.organization_id, webhook_id=locked.pk, event_type=event_type
        )
    )
    doorbell.ring_on_commit()
    return delivery
