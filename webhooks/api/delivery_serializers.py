"""Shapes of deliveries, attempts, figures and the feed."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.common.expansion import Expanded
from config.common.fields import StrictSerializer
from webhooks import catalogue, presets, selectors
from webhooks.api import related
from webhooks.api.related import FeedMessageSerializer
from webhooks.models import Outcome, Status, Trigger, WebhookAttempt, WebhookDelivery
from webhooks.models.feeds import CONSUMER

MAX_ATTEMPTS_SHOWN = 50
MAX_FEED = 200


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """A message to one endpoint, and where it stands."""

    webhook_id = serializers.IntegerField(read_only=True)
    message_id = serializers.CharField(
        source="message.message_id", help_text="The `webhook-id` of every attempt.", read_only=True
    )
    event_type = serializers.CharField(source="message.event_type", read_only=True)
    is_test = serializers.BooleanField(source="message.is_test", read_only=True)
    occurred_at = serializers.DateTimeField(source="message.occurred_at", read_only=True)
    status = serializers.ChoiceField(Status.choices, read_only=True)
    trigger = serializers.ChoiceField(
        Trigger.choices, help_text="What the latest or next attempt is made for.", read_only=True
    )
    last_outcome = serializers.SerializerMethodField()
    expanded = Expanded(webhook=related.WEBHOOK, message=related.MESSAGE)

    class Meta:
        model = WebhookDelivery
        fields: tuple[str, ...] = (
            "id",
            "webhook_id",
            "message_id",
            "event_type",
            "is_test",
            "occurred_at",
            "ordering_key",
            "status",
            "trigger",
            "attempts",
            "last_attempt_at",
            "last_outcome",
            "last_status_code",
            "next_attempt_at",
            "completed_at",
            "created_at",
            "expanded",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(Outcome.choices, allow_null=True))
    def get_last_outcome(self, delivery: WebhookDelivery) -> str | None:
        """Return what became of the latest attempt; null before the first."""
        return delivery.last_outcome or None


class AttemptRequestSerializer(StrictSerializer):
    """What an attempt sent."""

    url = serializers.CharField()
    headers = serializers.DictField(
        child=serializers.CharField(), help_text="Values of custom headers are not shown."
    )


class AttemptResponseSerializer(StrictSerializer):
    """What came back, of which 16 kB are kept."""

    status_code = serializers.IntegerField(allow_null=True)
    headers = serializers.DictField(child=serializers.CharField())
    body = serializers.CharField()
    address = serializers.CharField(allow_null=True, help_text="The address that was connected to.")


class AttemptSerializer(serializers.ModelSerializer[WebhookAttempt]):
    """One POST and what came of it."""

    outcome = serializers.ChoiceField(Outcome.choices, read_only=True)
    trigger = serializers.ChoiceField(Trigger.choices, read_only=True)
    request = serializers.SerializerMethodField()
    response = serializers.SerializerMethodField()

    class Meta:
        model = WebhookAttempt
        fields = (
            "number",
            "trigger",
            "at",
            "duration_ms",
            "outcome",
            "error",
            "request",
            "response",
        )
        read_only_fields = fields

    @extend_schema_field(AttemptRequestSerializer())
    def get_request(self, attempt: WebhookAttempt) -> dict[str, Any]:
        """Return the request; its body is the delivery's."""
        return {"url": attempt.url, "headers": selectors.request_headers_of(attempt)}

    @extend_schema_field(AttemptResponseSerializer())
    def get_response(self, attempt: WebhookAttempt) -> dict[str, Any]:
        """Return the answer; without a status code there was none."""
        return {
            "status_code": attempt.status_code,
            "headers": attempt.response_headers,
            "body": attempt.response_body,
            "address": attempt.address,
        }


class DeliveryDetailSerializer(DeliverySerializer):
    """A delivery with its body and its latest attempts, the latest first."""

    body = serializers.SerializerMethodField()
    log = serializers.SerializerMethodField()

    class Meta(DeliverySerializer.Meta):
        fields = (*DeliverySerializer.Meta.fields, "body", "log")
        read_only_fields = fields

    @extend_schema_field(serializers.DictField())
    def get_body(self, delivery: WebhookDelivery) -> dict[str, Any]:
        """Return the request's body as the endpoint gets it."""
        return presets.transformed(delivery.webhook.kind, delivery.message.payload)

    @extend_schema_field(AttemptSerializer(many=True))
    def get_log(self, delivery: WebhookDelivery) -> Any:
        """Return the latest attempts."""
        return AttemptSerializer(attempts_of(delivery), many=True).data


def attempts_of(delivery: WebhookDelivery) -> list[WebhookAttempt]:
    """Return the latest attempts of a delivery, which knows its message and endpoint already."""
    found = list(selectors.attempts_of(delivery)[:MAX_ATTEMPTS_SHOWN])
    for attempt in found:
        attempt.delivery, attempt.webhook = delivery, delivery.webhook
    return found


class ListDeliveriesSerializer(StrictSerializer):
    """The filters of the log."""

    status = serializers.ChoiceField(Status.choices, required=False)
    event_type = serializers.CharField(required=False, max_length=80)
    message = serializers.CharField(
        required=False, max_length=40, help_text="The `webhook-id` of a message."
    )
    since = serializers.DateTimeField(required=False, help_text="Made at this time or later.")
    until = serializers.DateTimeField(required=False, help_text="Made before this time.")


class ResendPeriodSerializer(StrictSerializer):
    """Which messages, by when their events happened."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField(required=False)


class RequeuedDeliveriesSerializer(StrictSerializer):
    """How many messages are sent to the endpoint once more."""

    count = serializers.IntegerField(
        help_text="10,000 at most, the oldest first; ask again for the rest."
    )


class WebhookStatsQuerySerializer(StrictSerializer):
    """How far to look back."""

    hours = serializers.IntegerField(min_value=1, max_value=720, default=24)


class DeliveryBucketSerializer(StrictSerializer):
    """The attempts of the hour that begins at this time."""

    at = serializers.DateTimeField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()


class WebhookStatsSerializer(StrictSerializer):
    """What became of an endpoint's attempts."""

    since = serializers.DateTimeField()
    attempts = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    success_rate = serializers.FloatField(
        allow_null=True, help_text="0 to 1; null without attempts."
    )
    average_ms = serializers.FloatField(allow_null=True)
    median_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    pending = serializers.IntegerField(help_text="Deliveries that wait for an attempt now.")
    by_outcome = serializers.DictField(child=serializers.IntegerField())
    series = DeliveryBucketSerializer(many=True)


class EventTypeSerializer(StrictSerializer):
    """An event that endpoints can subscribe to."""

    name = serializers.CharField()
    description = serializers.CharField(source="summary")
    json_schema = serializers.DictField(
        source="schema", help_text="Of the whole body (JSON Schema 2020-12)."
    )
    example = serializers.DictField()


class EventTypesSerializer(StrictSerializer):
    """The catalogue."""

    data = EventTypeSerializer(many=True)  # type: ignore[assignment]


class FeedQuerySerializer(StrictSerializer):
    """Where to go on in the feed."""

    consumer = serializers.RegexField(
        CONSUMER,
        default="default",
        help_text="Whose acknowledged position counts; up to 40 of a–z, 0–9, - and _.",  # noqa: RUF001  (a range)
    )
    after = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=2**63 - 1,
        help_text="A position to go on from instead of the acknowledged one.",
    )
    event_types = serializers.CharField(
        required=False, max_length=4_000, help_text="Names of event types, separated by commas."
    )
    limit = serializers.IntegerField(min_value=1, max_value=MAX_FEED, default=50)

    def validate_event_types(self, text: str) -> list[str]:
        """Read the names. Raises ValidationError for one that is no event's."""
        names = [name.strip() for name in text.split(",") if name.strip()]
        unknown = sorted(set(names) - set(catalogue.type_names()))
        if unknown:
            raise serializers.ValidationError(
                f"No event is called {unknown[0][:80]!r}.", code="event_type"
            )
        return names


class FeedSerializer(StrictSerializer):
    """Messages in the order in which they were handed out."""

    data = FeedMessageSerializer(many=True)  # type: ignore[assignment]
    position = serializers.IntegerField(
        help_text="Acknowledge it once everything in `data` is dealt with, or send it as `after`."
    )
    has_more = serializers.BooleanField()


class AcknowledgeFeedSerializer(StrictSerializer):
    """Up to where a consumer has dealt with the feed."""

    consumer = serializers.RegexField(CONSUMER, default="default")
    position = serializers.IntegerField(min_value=0, max_value=2**63 - 1)


class FeedPositionSerializer(StrictSerializer):
    """A consumer's position."""

    consumer = serializers.CharField()
    position = serializers.IntegerField()
    acknowledged_at = serializers.DateTimeField()


class WhyQuerySerializer(StrictSerializer):
    """Which message is asked about."""

    message = serializers.CharField(
        required=False,
        max_length=40,
        help_text="Its id, `msg_…`; the organization's latest message when left out.",
    )


class DeliveryExplanationSerializer(StrictSerializer):
    """Why an endpoint got a message, or did not."""

    code = serializers.CharField()
    detail = serializers.CharField()
    fix = serializers.CharField()
    message_id = serializers.CharField()
    event_type = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    delivery_id = serializers.IntegerField(allow_null=True)
