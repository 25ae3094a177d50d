"""Questions about endpoints, messages, deliveries and attempts. Every row is reached through an organization."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Avg, Count, Max, Q, QuerySet
from django.utils import timezone

from billing import selectors as billing
from config.common.errors import NotFound
from organizations.models import Organization
from webhooks import matching, signing
from webhooks.metering import QueueState, queue_state
from webhooks.models import (
    ConformanceRun,
    Outcome,
    Status,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookMessage,
    WebhookSecret,
)
from webhooks.plans import WebhookAllowance, allowance_of_plan

__all__ = [
    "Explanation",
    "QueueState",
    "Statistics",
    "allowance_of",
    "attempts_of",
    "conformance_runs",
    "deliveries",
    "end_of_feed",
    "explain",
    "feed_of",
    "messages",
    "public_keys",
    "public_keys_of",
    "queue_state",
    "request_headers_of",
    "statistics_of",
    "webhook_called",
    "webhooks",
]


def allowance_of(organization: Organization) -> WebhookAllowance:
    """Return how many endpoints the organization's plan allows and for how long their log is kept."""
    return allowance_of_plan(billing.subscription_of(organization).plan.code)


def webhooks() -> QuerySet[Webhook]:
    """Return every endpoint, for the tenancy gate to choose from."""
    return Webhook.objects.all()


def webhook_called(webhook_id: int) -> Webhook:
    """Return the endpoint with this id, for operators. Raises NotFound."""
    found = webhooks().filter(pk=webhook_id).first()
    if found is None:
        raise NotFound(f"There is no webhook {webhook_id}.")
    return found


def deliveries() -> QuerySet[WebhookDelivery]:
    """Return every delivery with its message and endpoint, for the tenancy gate to choose from."""
    return WebhookDelivery.objects.select_related("message", "webhook")


def messages() -> QuerySet[WebhookMessage]:
    """Return every message, for the tenancy gate to choose from."""
    return WebhookMessage.objects.all()


def conformance_runs() -> QuerySet[ConformanceRun]:
    """Return every conformance run, for the tenancy gate to choose from."""
    return ConformanceRun.objects.all()


def attempts_of(delivery: WebhookDelivery) -> QuerySet[WebhookAttempt]:
    """Return the attempts of a delivery, the latest first."""
    return delivery.log.order_by("-id")


@dataclass(frozen=True, slots=True)
class Statistics:
    """What became of an endpoint's attempts in a time. Counted from the log itself."""

    attempts: int
    succeeded: int
    failed: int
    success_rate: float | None
    average_ms: float | None
    by_outcome: dict[str, int]
    pending: int


def statistics_of(webhook: Webhook, *, since: datetime) -> Statistics:
    """Return an endpoint's figures since a time."""
    rows = (
        WebhookAttempt.objects.filter(webhook=webhook, at__gte=since)
        .values("outcome")
        .annotate(count=Count("id"))
        .order_by("outcome")
    )
    by_outcome = {row["outcome"]: row["count"] for row in rows}
    total, succeeded = sum(by_outcome.values()), by_outcome.get(Outcome.SUCCEEDED, 0)
    average = WebhookAttempt.objects.filter(webhook=webhook, at__gte=since).aggregate(
        average=Avg("duration_ms")
    )["average"]
    return Statistics(
        attempts=total,
        succeeded=succeeded,
        failed=total - succeeded,
        success_rate=succeeded / total if total else None,
        average_ms=average,
        by_outcome=by_outcome,
        pending=webhook.deliveries.filter(status=Status.PENDING).count(),
    )


def request_headers_of(attempt: WebhookAttempt) -> dict[str, str]:
    """Return the headers that an attempt was sent with; the values of custom ones are left out."""
    message = attempt.delivery.message
    ours = {
        "Content-Type": "application/json",
        "webhook-id": message.message_id,
        "webhook-timestamp": str(int(attempt.at.timestamp())),
        "webhook-signature": attempt.signature,
    }
    return {**ours, **dict.fromkeys(attempt.webhook.header_names, "•••")}


def feed_of(
    organization: Organization, *, after: int = 0, event_types: list[str] | None = None
) -> QuerySet[WebhookMessage]:
    """Return the messages after a position, oldest first: what an organization polls instead of being called.

    A message gets its position when it is handed out, by one process after the other: so none appears behind a position
    that was read already, however late its change was committed.
    """
    found = WebhookMessage.objects.filter(
        organization=organization, position__gt=after, is_test=False
    ).order_by("position")
    return found.filter(event_type__in=event_types) if event_types else found


def end_of_feed(organization: Organization) -> int:
    """Return the furthest position that an organization can know: of a message, or acknowledged before it was pruned."""
    told = feed_of(organization).aggregate(furthest=Max("position"))["furthest"]
    known = organization.feed_positions.aggregate(furthest=Max("position"))["furthest"]
    return max(told or 0, known or 0)


def public_keys() -> Iterator[dict[str, str]]:
    """Yield the public keys that sign at present, as members of a JWK set."""
    for public_key in _signing_now().order_by("id").values_list("public_key", flat=True):
        yield signing.jwk(public_key)


def public_keys_of(webhook: Webhook) -> list[str]:
    """Return the public keys that sign for an endpoint at present, the newest first."""
    rows = _signing_now().filter(webhook=webhook).order_by("-id")
    return [signing.shown_public_key(key) for key in rows.values_list("public_key", flat=True)]


def _signing_now() -> QuerySet[WebhookSecret]:
    in_force = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return WebhookSecret.objects.exclude(public_key="").filter(in_force)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an endpoint got an event, or did not: a stable code, one sentence, and what to do about it."""

    code: str
    detail: str
    fix: str = ""


def explain(webhook: Webhook, message: WebhookMessage) -> Explanation:
    """Say why the endpoint did not get the message, or when it did. Both belong to the same organization."""
    delivery = WebhookDelivery.objects.filter(webhook=webhook, message=message).first()
    if delivery is not None:
        return _explain_delivery(webhook, delivery)
    if message.fanned_out_at is None:
        return Explanation("not_yet", "The event is about to be handed out.", "Wait a few seconds.")
    recorded = message.passed_over.get(str(webhook.pk))
    if recorded is not None:
        return _explain_decision(webhook, message, recorded)
    when = f"The webhook was created on {_when(webhook.created_at)}, after the event."
    return Explanation("created_later", when, "Replay what is missing since the time of the event.")


_DECISIONS = {
    "disabled": ("The webhook was disabled when the event happened.", "Enable it, then replay what is missing."),
    "event_type": ("The webhook did not subscribe to this type.", "Add the type, then replay what is missing."),
    "filter": ("A filter of the webhook did not let the event pass.", "Change the filter, then replay what is missing."),
}  # fmt: skip


def _explain_decision(webhook: Webhook, message: WebhookMessage, recorded: str) -> Explanation:
    code, _, index = recorded.partition(":")
    detail, fix = _DECISIONS[code]
    if code == "filter":
        detail = f"Filter {int(index) + 1} of the webhook did not let the event pass."
    passes_now = (
        webhook.is_enabled
        and matching.wants_type(webhook.event_types, message.event_type)
        and matching.passes(webhook.filters, message.payload)
    )
    if passes_now:
        detail = f"{detail} As it is now, it would get the event."
        fix = "Replay what is missing since the time of the event."
    return Explanation(code, detail, fix)


def _explain_delivery(webhook: Webhook, delivery: WebhookDelivery) -> Explanation:
    if delivery.status == Status.SUCCEEDED:
        assert delivery.completed_at is not None
        when = _when(delivery.completed_at)
        said = f"Your server answered {delivery.last_status_code} on {when}, attempt {delivery.attempts}."
        return Explanation("delivered", said, "Look into your server's log for this webhook-id.")
    last = _last_attempt(delivery)
    if delivery.status == Status.FAILED:
        count = "1 attempt" if delivery.tries == 1 else f"{delivery.tries} attempts"
        said = f"It was given up after {count}. {last}".strip()
        first = "Fix the endpoint" if webhook.is_enabled else "Fix the endpoint, enable the webhook"
        return Explanation("given_up", said, f"{first}, then resend the event.")
    if delivery.status == Status.CANCELED:
        said = f"The webhook was disabled while the event waited. {last}".strip()
        return Explanation(
            "canceled", said, "Enable the webhook, then recover since the time of the event."
        )
    return _explain_waiting(webhook, delivery, last)


def _when(at: datetime) -> str:
    """Write a time to the second: for pages in the reader's time zone, for the API in UTC."""
    return f"{timezone.localtime(at):%d %b %Y, %H:%M:%S %Z}"


def _last_attempt(delivery: WebhookDelivery) -> str:
    if not delivery.last_outcome:
        return ""
    if delivery.last_status_code is not None:
        return f"The last attempt was answered {delivery.last_status_code}."
    return f"The last attempt: {Outcome(delivery.last_outcome).label.lower()}."


def _explain_waiting(webhook: Webhook, delivery: WebhookDelivery, last: str) -> Explanation:
    now = timezone.now()
    if delivery.leased_until is not None and delivery.leased_until > now:
        return Explanation(
            "on_its_way", "The event is being sent at this moment.", "Wait for the result."
        )
    if delivery.ordering_key and _is_behind(delivery):
        said = f"An earlier event with the ordering key {delivery.ordering_key!r} has not been accepted yet."
        return Explanation("behind_another", said, "Fix the endpoint, or resend the earlier event.")
    if webhook.circuit_open_until is not None and webhook.circuit_open_until > now:
        said = f"The endpoint failed {webhook.failures_in_a_row} times in a row and is left alone for a while. {last}"
        return Explanation(
            "circuit_open", said.strip(), "Fix the endpoint; it is tried again by itself."
        )
    assert delivery.next_attempt_at is not None
    said = f"The next attempt is made on {_when(delivery.next_attempt_at)}. {last}"
    return Explanation("waiting", said.strip(), "Resend the event to try at once.")


def _is_behind(delivery: WebhookDelivery) -> bool:
    return WebhookDelivery.objects.filter(
        webhook_id=delivery.webhook_id,
        ordering_key=delivery.ordering_key,
        status=Status.PENDING,
        id__lt=delivery.pk,
    ).exists()
