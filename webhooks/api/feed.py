"""The catalogue of events, and the feed that an organization polls instead of being called."""

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.common import query
from organizations.roles import Permission
from webhooks import catalogue, selectors
from webhooks.api import examples
from webhooks.api.base import READ, WRITE, WebhookScoped
from webhooks.api.delivery_serializers import (
    AcknowledgeFeedSerializer,
    EventTypesSerializer,
    FeedPositionSerializer,
    FeedQuerySerializer,
    FeedSerializer,
)
from webhooks.selectors import feeds
from webhooks.services import feeds as positions


class EventTypesView(WebhookScoped):
    """The catalogue of events."""

    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": READ}

    @extend_schema(
        operation_id="webhooks_event_types",
        summary="List event types",
        responses=EventTypesSerializer,
        examples=[examples.EVENT_TYPES],
    )
    def get(self, request: Request) -> Response:
        """List every event that endpoints can subscribe to, with the JSON Schema of its body and an example."""
        return Response(EventTypesSerializer({"data": catalogue.event_types()}).data)


class FeedView(WebhookScoped):
    """The organization's messages, for polling."""

    query_methods = frozenset({"GET"})
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": READ}

    @extend_schema(
        operation_id="webhooks_messages",
        summary="Poll messages",
        parameters=[FeedQuerySerializer],
        responses=FeedSerializer,
        examples=[examples.FEED],
    )
    def get(self, request: Request) -> Response:
        """Return the messages behind a position, oldest first: each event once, whatever endpoints there are.

        Without `after`, what the consumer has acknowledged is left out. A message comes again until its position, or
        a later one, is acknowledged.
        """
        asked = query.read(request, FeedQuerySerializer)
        organization = self.tenant.organization
        after = asked.get("after")
        if after is None:
            after = feeds.position_of(organization, asked["consumer"])
        return Response(FeedSerializer(self._page(asked, after)).data)

    def _page(self, asked: dict[str, Any], after: int) -> dict[str, Any]:
        limit = asked["limit"]
        feed = selectors.feed_of(
            self.tenant.organization, after=after, event_types=asked.get("event_types")
        )
        found = list(feed[: limit + 1])
        shown = found[:limit]
        return {
            "data": shown,
            "position": shown[-1].position if shown else after,
            "has_more": len(found) > limit,
        }


class AcknowledgeFeedView(WebhookScoped):
    """Up to where a consumer has dealt with the feed."""

    permissions_by_method: ClassVar[dict[str, Permission]] = {"POST": WRITE}

    @extend_schema(
        operation_id="webhooks_messages_acknowledge",
        summary="Acknowledge messages",
        request=AcknowledgeFeedSerializer,
        responses={200: FeedPositionSerializer, **examples.NO_CONSUMER},
        examples=[examples.ACKNOWLEDGED, examples.POSITION],
    )
    def post(self, request: Request) -> Response:
        """Say that everything up to a position is dealt with. A position only moves ahead, also under a race."""
        body = self.body(AcknowledgeFeedSerializer)
        position = positions.acknowledge(
            organization=self.tenant.organization,
            at=timezone.now(),
            by=self.tenant.user,
            **body,
        )
        return Response(FeedPositionSerializer(position).data)
