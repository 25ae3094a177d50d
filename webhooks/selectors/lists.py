"""Lists of endpoints and deliveries as pages and the API filter them. Rows come from the tenancy gate."""

from datetime import datetime

from django.db.models import Q, QuerySet

from webhooks import catalogue, matching
from webhooks.models import Webhook, WebhookDelivery, WebhookMessage

STATUSES = ("enabled", "failing", "disabled")


def with_status(rows: QuerySet[Webhook], status: str) -> QuerySet[Webhook]:
    """Keep the endpoints in one state of `STATUSES`; `failing` ones are enabled, too."""
    if status == "disabled":
        return rows.filter(disabled_at__isnull=False)
    return rows.filter(disabled_at=None, failing_since__isnull=status != "failing")


def found(rows: QuerySet[Webhook], *, status: str = "", q: str = "") -> QuerySet[Webhook]:
    """Apply the filters that are given."""
    if status:
        rows = with_status(rows, status)
    return rows.filter(Q(url__icontains=q) | Q(description__icontains=q)) if q else rows


def narrowed(
    rows: QuerySet[WebhookDelivery],
    *,
    status: str = "",
    event_type: str = "",
    message: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[WebhookDelivery]:
    """Apply the filters that are given; the bodies of messages are not read."""
    if status:
        rows = rows.filter(status=status)
    if event_type:
        rows = rows.filter(message__event_type=event_type)
    if message:
        rows = rows.filter(message__message_id=message)
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    if until is not None:
        rows = rows.filter(created_at__lt=until)
    return rows.defer("message__payload", "message__passed_over")


def concerning(rows: QuerySet[WebhookMessage], webhook: Webhook) -> QuerySet[WebhookMessage]:
    """Keep the messages of types that an endpoint subscribes to, and those that it was sent."""
    names = catalogue.type_names()
    types = [name for name in names if matching.wants_type(webhook.event_types, name)]
    sent = webhook.deliveries.values("message_id")
    return rows.filter(Q(event_type__in=types) | Q(pk__in=sent))


def latest_first(rows: QuerySet[WebhookMessage]) -> QuerySet[WebhookMessage]:
    """Return the messages that tell of something that happened, the latest first."""
    return rows.filter(is_test=False).order_by("-id")
