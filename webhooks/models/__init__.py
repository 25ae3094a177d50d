"""State of what customers are told: their endpoints, the messages owed to them, deliveries and attempts."""

from webhooks.models.deliveries import (
    Outcome,
    Status,
    Trigger,
    WebhookAttempt,
    WebhookDelivery,
    WebhookMessage,
)
from webhooks.models.endpoints import DisabledReason, Kind, Signature, Webhook, WebhookSecret

__all__ = [
    "DisabledReason",
    "Kind",
    "Outcome",
    "Signature",
    "Status",
    "Trigger",
    "Webhook",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookMessage",
    "WebhookSecret",
]
