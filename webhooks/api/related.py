"""What deliveries and conformance runs refer to, for `expand`."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from config.common.expansion import Relation
from config.common.fields import StrictSerializer
from webhooks import selectors
from webhooks.api.base import READ, WebhookScoped
from webhooks.api.serializers import WebhookSerializer


class FeedMessageSerializer(StrictSerializer):
    """A message of the feed: the body that endpoints get, with its id and its position."""

    position = serializers.IntegerField(
        allow_null=True, help_text="Its place in the feed; null of what is not in it, as tests are."
    )
    id = serializers.CharField(source="message_id")
    type = serializers.CharField(source="event_type")
    timestamp = serializers.CharField(source="payload.timestamp")
    data = serializers.DictField(source="payload.data")  # type: ignore[assignment]


def _webhooks(view: WebhookScoped, ids: list[int]) -> Mapping[int, Any]:
    # Whoever may read a delivery or a run may read the endpoint in its path.
    found = view.rows(selectors.webhooks()).filter(pk__in=ids)
    return {one.pk: dict(WebhookSerializer(one).data) for one in found}


def _messages(view: WebhookScoped, ids: list[str]) -> Mapping[str, Any]:
    # A permission on one endpoint opens its deliveries, not the feed.
    view.tenant.require(READ)
    found = view.rows(selectors.messages()).filter(message_id__in=ids)
    shown: Any = FeedMessageSerializer(found, many=True).data
    return {one["id"]: one for one in shown}


WEBHOOK = Relation(WebhookSerializer, lambda row: row["webhook_id"], _webhooks)
MESSAGE = Relation(FeedMessageSerializer, lambda row: row["message_id"], _messages)
