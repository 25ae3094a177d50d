"""The outbox: a message is written in the transaction of the change it tells of."""

import secrets
from datetime import UTC, datetime
from typing import Any

import orjson

from config.common.errors import DomainError
from config.common.events import DomainEvent
from config.common.prepared import Addition
from webhooks.models import WebhookMessage
from webhooks.services import doorbell

MAX_BODY_BYTES = 256 * 1024
_outbox = Addition(WebhookMessage)


class MessageTooLarge(DomainError):
    """The change cannot be told: the message about it would exceed 256 kB."""

    code = "webhook_message_too_large"
    title = "The message about the change is too large"
    status = 413
    fix = "Change less at once."


def owe(event: DomainEvent, *, at: datetime) -> WebhookMessage | None:
    """Write the message down; whoever subscribed to it is found when it is fanned out. Raises MessageTooLarge."""
    if not event.is_public or event.organization_id is None:
        return None
    payload = payload_of(event.name, at, event.as_data())
    if len(orjson.dumps(payload)) > MAX_BODY_BYTES:
        raise MessageTooLarge
    message = WebhookMessage(
        message_id=new_message_id(),
        organization_id=event.organization_id,
        event_type=event.name,
        payload=payload,
        occurred_at=at,
    )
    _outbox.add(message)
    doorbell.ring_on_commit()
    return message


def new_message_id() -> str:
    """Return an id that stays the same on every attempt."""
    return f"msg_{secrets.token_urlsafe(20)}"


def payload_of(event_type: str, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    """Return the body as the standard lays it out."""
    timestamp = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"type": event_type, "timestamp": timestamp, "data": data}
