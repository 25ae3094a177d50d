"""Sending again: one delivery, what failed since a time, what an endpoint never got."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db import transaction
from django.db.models import F, QuerySet

from accounts.models import User
from config.common.errors import Conflict, NotFound
from config.common.events import publish
from webhooks import matching
from webhooks.models import Status, Trigger, Webhook, WebhookDelivery, WebhookMessage
from webhooks.services import doorbell, endpoints
from webhooks.signals import DeliveriesRequeued

# More at once would make one long transaction; whoever needs more asks again from where the answer ends.
MAX_AT_ONCE = 10_000
# Messages may be as large as 256 kB each, and are looked at a few at a time.
_LOOKED_AT_AT_ONCE = 100


class EndpointDisabled(Conflict):
    """A disabled webhook is sent nothing."""

    code = "webhook_disabled"
    title = "The webhook is disabled"
    fix = "Enable the webhook first."


class AlreadyOnItsWay(Conflict):
    """The delivery is being sent at this moment."""

    code = "delivery_on_its_way"
    title = "The delivery is on its way"
    fix = "Wait for the result of the present attempt."


@dataclass(frozen=True, slots=True)
class Missing:
    """A message that an endpoint was never sent, without its payload: thousands of them are held at once."""

    pk: int
    ordering_key: str


@transaction.atomic
def resend(*, delivery: WebhookDelivery, at: datetime, by: User | None = None) -> WebhookDelivery:
    """Send one message again, at once and by a fresh schedule, whatever became of it before.

    The id stays the same, so that a receiver that has it already can tell. Raises EndpointDisabled, AlreadyOnItsWay, or
    what `endpoints.locked_for` raises.
    """
    of = Webhook(pk=delivery.webhook_id, organization_id=delivery.organization_id)
    webhook = enabled(of, by)
    locked = WebhookDelivery.objects.select_for_update().filter(pk=delivery.pk).first()
    if locked is None:
        raise NotFound
    if locked.leased_until is not None and locked.leased_until > at:
        raise AlreadyOnItsWay
    _requeue(WebhookDelivery.objects.filter(pk=locked.pk), Trigger.RESEND, at)
    _tell(webhook, Trigger.RESEND, 1)
    locked.refresh_from_db()
    return locked


def recover(
    *,
    webhook: Webhook,
    since: datetime,
    at: datetime,
    until: datetime | None = None,
    statuses: tuple[str, ...] = (Status.FAILED, Status.CANCELED),
    by: User | None = None,
) -> int:
    """Send again what an endpoint did not take of the messages since a time; return how many, 10,000 at most.

    The oldest come first. Raises EndpointDisabled, or what `endpoints.locked_for` raises.
    """
    # They are looked for before anything is locked: that may take long, and nobody is to wait for it.
    found = recoverable(webhook=webhook, since=since, until=until, statuses=statuses)
    chosen = list(found.order_by("pk").values_list("pk", flat=True)[:MAX_AT_ONCE])
    with transaction.atomic():
        locked = enabled(webhook, by)
        still = WebhookDelivery.objects.filter(pk__in=chosen, status__in=statuses)
        requeued = _requeue(still, Trigger.RECOVERY, at)
        _tell(locked, Trigger.RECOVERY, requeued)
    return requeued


def recoverable(
    *,
    webhook: Webhook,
    since: datetime,
    until: datetime | None = None,
    statuses: tuple[str, ...] = (Status.FAILED, Status.CANCELED),
) -> QuerySet[WebhookDelivery]:
    """Return the deliveries that `recover` would send again."""
    found = WebhookDelivery.objects.filter(
        webhook=webhook, status__in=statuses, message__occurred_at__gte=since
    )
    return found if until is None else found.filter(message__occurred_at__lt=until)


def replay_missing(
    *,
    webhook: Webhook,
    since: datetime,
    at: datetime,
    until: datetime | None = None,
    by: User | None = None,
) -> int:
    """Send what an endpoint was never sent of the messages since a time; return how many, 10,000 at most.

    That is what happened while it was disabled, before it existed, or before its types and filters were changed; they
    hold as they are now. Raises EndpointDisabled, or what `endpoints.locked_for` raises.
    """
    # As in `recover`, the messages are looked through first, and once more only if the endpoint wants others by then.
    asked = Webhook.objects.filter(pk=webhook.pk).first() or webhook
    found = missing(webhook=asked, since=since, until=until)
    with transaction.atomic():
        locked = enabled(webhook, by)
        if _wanted_by(locked) != _wanted_by(asked):
            found = missing(webhook=locked, since=since, until=until)
        wanted = _standing(found, webhook=locked)
        _owe(wanted, webhook=locked, at=at)
        _tell(locked, Trigger.REPLAY, len(wanted))
    return len(wanted)


def _wanted_by(webhook: Webhook) -> tuple[object, ...]:
    return webhook.event_types, webhook.filters, webhook.ordering_path


def _owe(wanted: list[Missing], *, webhook: Webhook, at: datetime) -> None:
    WebhookDelivery.objects.bulk_create(
        [
            WebhookDelivery(
                organization_id=webhook.organization_id,
                webhook=webhook,
                message_id=one.pk,
                ordering_key=one.ordering_key,
                trigger=Trigger.REPLAY,
                next_attempt_at=at,
            )
            for one in wanted
        ],
        ignore_conflicts=True,
        batch_size=1_000,
    )


def missing(*, webhook: Webhook, since: datetime, until: datetime | None = None) -> list[Missing]:
    """Return the messages that `replay_missing` would send, 10,000 at most, oldest first."""
    messages = WebhookMessage.objects.filter(
        organization_id=webhook.organization_id,
        is_test=False,
        fanned_out_at__isnull=False,
        occurred_at__gte=since,
    ).exclude(deliveries__webhook_id=webhook.pk)
    if until is not None:
        messages = messages.filter(occurred_at__lt=until)
    looked_at = messages.order_by("pk").values_list("pk", "event_type", "payload")
    wanted = (
        Missing(pk, matching.ordering_key(webhook.ordering_path, payload))
        for pk, event_type, payload in looked_at.iterator(chunk_size=_LOOKED_AT_AT_ONCE)
        if matching.wants_type(webhook.event_types, event_type)
        and matching.passes(webhook.filters, payload)
    )
    return list(islice(wanted, MAX_AT_ONCE))


def _standing(missed: list[Missing], *, webhook: Webhook) -> list[Missing]:
    """Return those that were neither pruned nor owed meanwhile, and lock them so that they are not pruned from here on."""
    rows = WebhookMessage.objects.select_for_update(no_key=True).order_by("pk")
    rows = rows.exclude(deliveries__webhook_id=webhook.pk)
    standing = set(rows.filter(pk__in=[one.pk for one in missed]).values_list("pk", flat=True))
    return [one for one in missed if one.pk in standing]


def enabled(webhook: Webhook, by: User | None) -> Webhook:
    """Return an endpoint, locked so that nobody disables it meanwhile, nor shuts out whoever asks.

    Raises EndpointDisabled, or what `endpoints.locked_for` raises.
    Whoever has something sent by hand wants to see what comes of it: the endpoint is left alone no longer.
    """
    locked = endpoints.locked_for(webhook, by)
    if not locked.is_enabled:
        raise EndpointDisabled
    if locked.circuit_open_until is not None:
        locked.circuit_open_until = None
        locked.save(update_fields=["circuit_open_until"])
    return locked


def _requeue(deliveries: QuerySet[WebhookDelivery], trigger: Trigger, at: datetime) -> int:
    # Whoever sends one of them at this moment loses the claim, so that their result does not end the new round.
    return deliveries.update(
        status=Status.PENDING,
        trigger=trigger,
        tries=0,
        claims=F("claims") + 1,
        next_attempt_at=at,
        leased_until=None,
        completed_at=None,
    )


def _tell(webhook: Webhook, trigger: Trigger, count: int) -> None:
    if not count:
        return
    publish(
        DeliveriesRequeued(
            organization_id=webhook.organization_id,
            webhook_id=webhook.pk,
            trigger=trigger.value,
            count=count,
        )
    )
    doorbell.ring_on_commit()
