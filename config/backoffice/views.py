"""The staff API of the house as a whole: its figures, what waits where, and telling many people something."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Broadcast
from accounts.permissions import RecentlyAuthenticated
from accounts.roles import PlatformPermission
from accounts.scoping import HasPlatformPermission, StaffView
from accounts.services import audiences, broadcasts
from config.backoffice import examples, state
from config.backoffice.serializers import (
    BroadcastSerializer,
    DashboardSerializer,
    PreviewSerializer,
    ReachSerializer,
    SendBroadcastSerializer,
    SystemMetricsSerializer,
    WordsSerializer,
    reach_of,
)
from config.common.listing import Listing
from config.common.problem_answers import conflict


class SentSerializer(serializers.Serializer[Any]):
    """What happened, in a sentence."""

    detail = serializers.CharField(read_only=True)


class DashboardView(StaffView):
    """The figures of the business."""

    permissions_by_method = {"GET": PlatformPermission.SYSTEM_READ}

    @extend_schema(
        operation_id="admin_dashboard",
        summary="Read the dashboard",
        responses=DashboardSerializer,
        examples=examples.DASHBOARD,
    )
    def get(self, request: Request) -> Response:
        """Return how many people, organizations, subscriptions, keys and calls there are."""
        return Response(DashboardSerializer(state.dashboard(at=timezone.now())).data)


class SystemMetricsView(StaffView):
    """What waits where."""

    permissions_by_method = {"GET": PlatformPermission.SYSTEM_READ}

    @extend_schema(
        operation_id="admin_system_metrics",
        summary="Read what waits where",
        responses=SystemMetricsSerializer,
        examples=examples.METRICS,
    )
    def get(self, request: Request) -> Response:
        """Return the queues of the installation, and what concerned security in the last hour."""
        return Response(SystemMetricsSerializer(state.metrics(at=timezone.now())).data)


class BroadcastListView(Listing, StaffView):
    """Messages to many people."""

    permission_classes = (IsAuthenticated, HasPlatformPermission, RecentlyAuthenticated)
    shape = BroadcastSerializer
    permissions_by_method = {
        "GET": PlatformPermission.BROADCASTS_WRITE,
        "POST": PlatformPermission.BROADCASTS_WRITE,
    }

    @extend_schema(
        operation_id="admin_broadcasts_list",
        summary="List broadcasts",
        responses=BroadcastSerializer(many=True),
        examples=examples.BROADCASTS,
    )
    def get(self, request: Request) -> Response:
        """List messages to many people, newest first, and how far each is."""
        return self.listed(Broadcast.objects.all())

    @extend_schema(
        operation_id="admin_broadcasts_send",
        summary="Send a broadcast",
        request=SendBroadcastSerializer,
        responses={
            202: BroadcastSerializer,
            **conflict("Nobody is in the audience at the moment."),
        },
        examples=examples.SEND,
    )
    def post(self, request: Request) -> Response:
        """Tell everybody in an audience something about the service, by mail, in the portal, or both.

        A job does it, each person exactly once; read the broadcast again to see how far it is. It is for messages
        about the service, which cannot be unsubscribed from. Mail goes to proved addresses only. Needs a recent
        sign-in.
        """
        body = self.body(SendBroadcastSerializer)
        broadcast = broadcasts.announce(
            words=SendBroadcastSerializer.words(body),
            audience=body["audience"],
            by=self.person,
            at=timezone.now(),
        )
        return Response(BroadcastSerializer(broadcast).data, status=202)


class BroadcastPreviewView(StaffView):
    """Whom a message would reach."""

    permissions_by_method = {"POST": PlatformPermission.BROADCASTS_WRITE}

    @extend_schema(
        operation_id="admin_broadcasts_preview",
        summary="Preview an audience",
        request=PreviewSerializer,
        responses=ReachSerializer,
        examples=examples.PREVIEW,
    )
    def post(self, request: Request) -> Response:
        """Count whom an audience reaches at the moment; nobody is told anything."""
        audience = self.body(PreviewSerializer)["audience"]
        reach = broadcasts.preview(audience)
        words = reach_of(audiences.cleaned(audience), reach.people, reach.by_mail)
        return Response(ReachSerializer(words).data)


class BroadcastTestView(StaffView):
    """Seeing how a message looks."""

    permissions_by_method = {"POST": PlatformPermission.BROADCASTS_WRITE}

    @extend_schema(
        operation_id="admin_broadcasts_test",
        summary="Send a broadcast to myself",
        request=WordsSerializer,
        responses={202: SentSerializer},
        examples=examples.TEST,
    )
    def post(self, request: Request) -> Response:
        """Send a message to yourself only, marked as a test."""
        words = WordsSerializer.words(self.body(WordsSerializer))
        broadcasts.try_out(words=words, by=self.person)
        return Response({"detail": "Sent to you."}, status=202)


class BroadcastView(StaffView):
    """One message to many people."""

    permissions_by_method = {"GET": PlatformPermission.BROADCASTS_WRITE}

    @extend_schema(
        operation_id="admin_broadcasts_retrieve",
        summary="Read how far a broadcast is",
        responses=BroadcastSerializer,
        examples=examples.BROADCASTS,
    )
    def get(self, request: Request, broadcast_id: int) -> Response:
        """Return a message and how many people it has gone to."""
        found = self.row(Broadcast.objects.all(), broadcast_id)
        return Response(BroadcastSerializer(found).data)


class BroadcastCancelView(StaffView):
    """Stopping a message."""

    bodyless_methods = frozenset({"POST"})
    permissions_by_method = {"POST": PlatformPermission.BROADCASTS_WRITE}

    @extend_schema(
        operation_id="admin_broadcasts_cancel",
        summary="Cancel a broadcast",
        request=None,
        responses={
            200: BroadcastSerializer,
            **conflict("It was sent, or canceled, before."),
        },
        examples=examples.CANCEL,
    )
    def post(self, request: Request, broadcast_id: int) -> Response:
        """Stop a message that is under way. Who got it has it; at most the batch under way still goes out."""
        found = self.row(Broadcast.objects.all(), broadcast_id)
        canceled = broadcasts.cancel(broadcast_id=found.pk, at=timezone.now())
        return Response(BroadcastSerializer(canceled).data)
