"""Deliveries over REST: the log, one with its attempts, sending again, figures, and why an event did not come."""

from datetime import timedelta
from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.common import query
from config.common.listing import Listing, Showing
from organizations.roles import Permission
from webhooks import selectors
from webhooks.api import examples
from webhooks.api.base import READ, WRITE, WebhookScoped
from webhooks.api.delivery_serializers import (
    DeliveryDetailSerializer,
    DeliveryExplanationSerializer,
    DeliverySerializer,
    ListDeliveriesSerializer,
    RequeuedDeliveriesSerializer,
    ResendPeriodSerializer,
    WebhookStatsQuerySerializer,
    WebhookStatsSerializer,
    WhyQuerySerializer,
)
from webhooks.selectors import figures, lists
from webhooks.services import resending


class DeliveryListView(Listing, WebhookScoped):
    """The delivery log of an endpoint."""

    shape = DeliverySerializer
    filters = ListDeliveriesSerializer
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": READ}

    @extend_schema(
        operation_id="webhooks_deliveries_list",
        summary="List deliveries",
        parameters=[ListDeliveriesSerializer],
        responses=DeliverySerializer(many=True),
        examples=[examples.DELIVERY, examples.EXPANDED_DELIVERY],
    )
    def get(self, request: Request, webhook_id: int) -> Response:
        """List the messages that an endpoint was sent, or is still owed, newest first."""
        filters = self.asked()
        webhook = self.webhook(webhook_id)
        rows = self.rows(selectors.deliveries().filter(webhook=webhook))
        return self.listed(lists.narrowed(rows, **filters))


class DeliveryView(Showing, WebhookScoped):
    """One delivery."""

    shape = DeliveryDetailSerializer
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": READ}

    @extend_schema(
        operation_id="webhooks_deliveries_retrieve",
        summary="Read a delivery",
        responses=DeliveryDetailSerializer,
        examples=[examples.DELIVERY_DETAIL],
    )
    def get(self, request: Request, webhook_id: int, delivery_id: int) -> Response:
        """Return a delivery with the body that is sent, each attempt's request and answer, and when the next one is."""
        return self.shown(lambda: self.delivery(webhook_id, delivery_id))


class ResendView(WebhookScoped):
    """Sending one message again."""

    bodyless_methods = frozenset({"POST"})
    permissions_by_method: ClassVar[dict[str, Permission]] = {"POST": WRITE}

    @extend_schema(
        operation_id="webhooks_deliveries_resend",
        summary="Resend a delivery",
        request=None,
        responses={202: DeliverySerializer, **examples.SWITCHED_OFF},
        examples=[examples.QUEUED],
    )
    def post(self, request: Request, webhook_id: int, delivery_id: int) -> Response:
        """Send a message again at once and by a fresh schedule, whatever became of it before. Its id stays the same."""
        delivery = self.delivery(webhook_id, delivery_id)
        queued = resending.resend(delivery=delivery, at=timezone.now(), by=self.tenant.user)
        return Response(DeliverySerializer(queued).data, status=202)


class RecoverView(WebhookScoped):
    """Sending again what an endpoint did not take."""

    permissions_by_method: ClassVar[dict[str, Permission]] = {"POST": WRITE}

    @extend_schema(
        operation_id="webhooks_recover",
        summary="Recover what failed",
        request=ResendPeriodSerializer,
        responses={202: RequeuedDeliveriesSerializer, **examples.SWITCHED_OFF},
        examples=[examples.PERIOD, examples.REQUEUED],
    )
    def post(self, request: Request, webhook_id: int) -> Response:
        """Send again every message of a time that was given up or canceled."""
        webhook = self.webhook(webhook_id)
        period = self.body(ResendPeriodSerializer)
        count = resending.recover(webhook=webhook, at=timezone.now(), by=self.tenant.user, **period)
        return Response({"count": count}, status=202)


class ReplayMissingView(WebhookScoped):
    """Sending what an endpoint was never sent."""

    permissions_by_method: ClassVar[dict[str, Permission]] = {"POST": WRITE}

    @extend_schema(
        operation_id="webhooks_replay_missing",
        summary="Replay what is missing",
        request=ResendPeriodSerializer,
        responses={202: RequeuedDeliveriesSerializer, **examples.SWITCHED_OFF},
        examples=[examples.PERIOD, examples.REQUEUED],
    )
    def post(self, request: Request, webhook_id: int) -> Response:
        """Send every message of a time that the endpoint was never sent.

        That is what happened while it was disabled, before it existed, or before its types and filters were changed;
        they hold as they are now.
        """
        webhook = self.webhook(webhook_id)
        period = self.body(ResendPeriodSerializer)
        count = resending.replay_missing(
            webhook=webhook, at=timezone.now(), by=self.tenant.user, **period
        )
        return Response({"count": count}, status=202)


class StatsView(WebhookScoped):
    """Figures of an endpoint."""

    query_methods = frozenset({"GET"})
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": READ}

    @extend_schema(
        operation_id="webhooks_stats",
        summary="Read a webhook's figures",
        parameters=[WebhookStatsQuerySerializer],
        responses=WebhookStatsSerializer,
        examples=[examples.STATS],
    )
    def get(self, request: Request, webhook_id: int) -> Response:
        """Count an endpoint's attempts of the last hours, by outcome and by hour, with how long answers took."""
        hours = query.read(request, WebhookStatsQuerySerializer)["hours"]
        webhook, now = self.webhook(webhook_id), timezone.now()
        since = now - timedelta(hours=hours)
        totals = selectors.statistics_of(webhook, since=since)
        latency = figures.latency_of(webhook, since=since)
        answer = {
            "since": since,
            **{name: getattr(totals, name) for name in totals.__slots__},
            "median_ms": latency.median_ms,
            "p95_ms": latency.p95_ms,
            "series": figures.by_hour([webhook], at=now, hours=hours)[webhook.pk],
        }
        return Response(WebhookStatsSerializer(answer).data)


class WhyView(WebhookScoped):
    """Why an endpoint did not get an event."""

    query_methods = frozenset({"GET"})
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": READ}

    @extend_schema(
        operation_id="webhooks_why",
        summary="Explain why an event did not come",
        parameters=[WhyQuerySerializer],
        responses=DeliveryExplanationSerializer,
        examples=[examples.WHY],
    )
    def get(self, request: Request, webhook_id: int) -> Response:
        """Say why an endpoint did not get a message, or when it did, and what to do about it."""
        message_id = query.read(request, WhyQuerySerializer).get("message")
        webhook = self.webhook(webhook_id)
        lookup = {"message_id": message_id} if message_id else {}
        messages = lists.latest_first(selectors.messages())
        if not self.tenant.may(READ):
            # A permission on one endpoint opens what concerns it, not all that happens in the organization.
            messages = lists.concerning(messages, webhook)
        message = self.row(messages, **lookup)
        told = selectors.explain(webhook, message)
        delivery = webhook.deliveries.filter(message=message).only("pk").first()
        answer = {
            "code": told.code,
            "detail": told.detail,
            "fix": told.fix,
            "message_id": message.message_id,
            "event_type": message.event_type,
            "occurred_at": message.occurred_at,
            "delivery_id": delivery.pk if delivery else None,
        }
        return Response(DeliveryExplanationSerializer(answer).data)
