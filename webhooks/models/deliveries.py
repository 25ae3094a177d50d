"""State of the outbox and of what became of it: a message, its delivery to each endpoint, each attempt."""

from datetime import datetime

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from organizations.models import Organization
from webhooks.models.endpoints import Webhook


class WebhookMessage(models.Model):
    """A public event owed to one organization, written in the transaction of the change: the outbox.

    The payload is stored once, however many endpoints get it. `passed_over` says, per endpoint that did not get it,
    why not, as it was decided when the message was fanned out. `position` is its place in the feed, given then, too: of
    two changes at once the one that was written first may be committed last.
    """

    message_id = models.CharField(max_length=40)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="webhook_messages", db_index=False
    )
    event_type = models.CharField(max_length=80)
    payload = models.JSONField()
    is_test = models.BooleanField(default=False)
    passed_over = models.JSONField(default=dict, blank=True)
    occurred_at = models.DateTimeField()
    fanned_out_at = models.DateTimeField(null=True, blank=True)
    position = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="webhookmessage_id_unique", fields=["message_id"])
        ]
        indexes = [
            models.Index(
                fields=["id"],
                name="webhookmessage_to_fan_out",
                condition=models.Q(fanned_out_at__isnull=True),
            ),
            models.Index(fields=["organization", "position"], name="webhookmessage_feed"),
            # Rows come in the order of time, for which a range of blocks is enough and costs the writers nothing.
            BrinIndex(fields=["occurred_at"], name="webhookmessage_by_time"),
            BrinIndex(fields=["created_at"], name="webhookmessage_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.message_id}"


class Status(models.TextChoices):
    """Where a delivery stands."""

    PENDING = "PENDING", "Waiting"
    SUCCEEDED = "SUCCEEDED", "Delivered"
    FAILED = "FAILED", "Given up"
    CANCELED = "CANCELED", "Canceled"


class Trigger(models.TextChoices):
    """What an attempt was made for."""

    EVENT = "event", "The event"
    RETRY = "retry", "The schedule"
    RESEND = "resend", "Resent by hand"
    RECOVERY = "recovery", "Recovery of a time"
    REPLAY = "replay", "Replay of what was missing"
    TEST = "test", "A test"


class Outcome(models.TextChoices):
    """What became of an attempt."""

    SUCCEEDED = "succeeded", "Accepted (2xx)"
    REFUSED = "refused", "Answered with another status"
    REDIRECTED = "redirected", "Answered with a redirect, which is not followed"
    GONE = "gone", "Answered 410 Gone"
    TIMED_OUT = "timed_out", "No complete answer in time"
    UNREACHABLE = "unreachable", "No connection, or it broke"
    UNTRUSTED = "untrusted", "The certificate is not valid"
    BLOCKED = "blocked", "The address is not one that we connect to"
    MALFORMED = "malformed", "The answer is not HTTP"


class DeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    """Chainable filters over deliveries."""

    def due(self, *, at: datetime) -> "DeliveryQuerySet":
        """Keep what could be sent now: what nobody holds, no circuit holds back, and is first of its ordering key."""
        earlier = WebhookDelivery.objects.filter(
            status=Status.PENDING,
            webhook=OuterRef("webhook"),
            ordering_key=OuterRef("ordering_key"),
            pk__lt=OuterRef("pk"),
        ).exclude(ordering_key="")
        is_free = Q(leased_until=None) | Q(leased_until__lte=at)
        waiting = self.filter(is_free, status=Status.PENDING, next_attempt_at__lte=at)
        return waiting.exclude(webhook__circuit_open_until__gt=at).exclude(Exists(earlier))


DeliveryManager = models.Manager.from_queryset(DeliveryQuerySet)


class WebhookDelivery(models.Model):
    """A message to one endpoint. Whoever claims it sets `leased_until` and raises `claims`.

    Both are in no index, so that a claim is cheap. `claims` is the fence: a result is written only by the latest claim.
    `tries` counts the attempts of the present round of the schedule, `attempts` all of them. With an ordering key, a
    delivery waits for earlier ones of its key.
    """

    # Whoever makes a delivery holds the rows that it belongs to, as does whoever deletes these (decision 0009): constraints
    # would lock them once more for each delivery.
    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    webhook = models.ForeignKey(
        Webhook,
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_index=False,
        db_constraint=False,
    )
    message = models.ForeignKey(
        WebhookMessage,
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_index=False,
        db_constraint=False,
    )
    ordering_key = models.CharField(max_length=200, blank=True, default="")
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    trigger = models.CharField(max_length=8, choices=Trigger, default=Trigger.EVENT)
    attempts = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    claims = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    last_outcome = models.CharField(max_length=11, choices=Outcome, blank=True, default="")
    last_status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DeliveryManager()

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = [
            # It begins with the message, so that it also finds the deliveries of one.
            models.UniqueConstraint(name="webhookdelivery_unique", fields=["message", "webhook"]),
            models.CheckConstraint(
                name="webhookdelivery_status_known", condition=Q(status__in=Status.values)
            ),
            models.CheckConstraint(
                name="webhookdelivery_pending_is_due",
                condition=Q(status="PENDING", next_attempt_at__isnull=False, completed_at=None)
                | (~Q(status="PENDING") & Q(next_attempt_at=None, completed_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(
                fields=["webhook", "next_attempt_at", "id"],
                name="webhookdelivery_due",
                condition=Q(status="PENDING"),
            ),
            models.Index(
                fields=["webhook", "ordering_key", "id"],
                name="webhookdelivery_in_order",
                condition=Q(status="PENDING") & ~Q(ordering_key=""),
            ),
            models.Index(
                F("webhook"),
                F("created_at").desc(),
                F("id").desc(),
                name="webhookdelivery_by_webhook_at",
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.message_id} to webhook {self.webhook_id}"

    @property
    def is_open(self) -> bool:
        """Whether another attempt will be made."""
        return self.status == Status.PENDING


class WebhookAttempt(models.Model):
    """One POST and what came of it. A fact: written once, in bulk, when the answer is in.

    The request's body is the message's; its headers follow from `at`, `signature` and the endpoint. Of the answer at
    most 16 kB are kept.
    """

    # Written where the delivery's row is locked, and deleted with it: constraints would look at each row once more, at a
    # good part of what recording costs.
    delivery = models.ForeignKey(
        WebhookDelivery,
        on_delete=models.CASCADE,
        related_name="log",
        db_index=False,
        db_constraint=False,
    )
    webhook = models.ForeignKey(
        Webhook,
        on_delete=models.CASCADE,
        related_name="attempts",
        db_index=False,
        db_constraint=False,
    )
    number = models.PositiveIntegerField()
    trigger = models.CharField(max_length=8, choices=Trigger)
    at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    outcome = models.CharField(max_length=11, choices=Outcome)
    url = models.CharField(max_length=2048)
    address = models.GenericIPAddressField(null=True, blank=True)
    signature = models.TextField(blank=True, default="")
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    response_headers = models.JSONField(default=dict, blank=True)
    response_body = models.TextField(blank=True, default="")
    error = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="webhookattempt_outcome_known", condition=Q(outcome__in=Outcome.values)
            ),
        ]
        indexes = [
            models.Index(fields=["delivery", "id"], name="webhookattempt_by_delivery"),
            models.Index(
                fields=["webhook", "at"], name="webhookattempt_by_webhook_at", include=["outcome"]
            ),
            BrinIndex(fields=["at"], name="webhookattempt_by_age"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of delivery {self.delivery_id}: {self.outcome}"

    @property
    def is_success(self) -> bool:
        """Whether the endpoint accepted the message."""
        return self.outcome == Outcome.SUCCEEDED
