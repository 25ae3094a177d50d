"""State of what customers are told: their endpoints, the messages owed to them, deliveries and attempts."""

from webhooks.models.conformance import ConformanceRun, RunStatus
from webhooks.models.deliveries import (
    Outcome,
    Status,
    Trigger,
    WebhookAttempt,
    WebhookDelivery,
    WebhookMessage,
)
from webhooks.models.endpoints import DisabledReason, Kind, Signature, Webhook, WebhookSecret
from webhooks.models.feeds import FeedPosition

__all__ = [
    "ConformanceRun",
    "DisabledReason",
    "FeedPosition",
    "Kind",
    "Outcome",
    "RunStatus",
    "Signature",
    "Status",
    "Trigger",
    "Webhook",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookMessage",
    "WebhookSecret",
]
