"""Security events over REST: those of an organization, and those of the person who asks."""

from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import JWTAuthentication, PortalSessionAuthentication
from accounts.models import User
from audit import selectors
from audit.api import examples
from audit.api.serializers import (
    AcknowledgeSerializer,
    ListMySecurityEventsSerializer,
    ListSecurityEventsSerializer,
    MySecurityEventSerializer,
    SecurityEventSerializer,
)
from audit.models import SecurityEvent
from audit.services import security
from config.common.listing import Listing
from organizations.roles import Permission
from organizations.scoping import OrganizationScoped


class SecurityEventListView(Listing, OrganizationScoped):
    """What concerns the security of an organization."""

    shape = SecurityEventSerializer
    filters = ListSecurityEventsSerializer
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": Permission.AUDIT_READ}

    @extend_schema(
        operation_id="security_events_list",
        summary="List security events",
        parameters=[ListSecurityEventsSerializer],
        responses=SecurityEventSerializer(many=True),
        examples=[examples.EVENT],
    )
    def get(self, request: Request) -> Response:
        """List what concerns the organization's security, newest first.

        Attacks upon a member's account are included from the day the person joined, without telling from where.
        """
        filters = self.asked()
        events = selectors.security_events_of(self.tenant.organization)
        return self.listed(selectors.narrowed(events, **filters))


class AcknowledgeView(OrganizationScoped):
    """Saying that somebody has looked at a security event."""

    permissions_by_method: ClassVar[dict[str, Permission]] = {"POST": Permission.AUDIT_ACKNOWLEDGE}

    @extend_schema(
        operation_id="security_events_acknowledge",
        summary="Acknowledge a security event",
        request=AcknowledgeSerializer,
        responses=SecurityEventSerializer,
        examples=[examples.NOTE, examples.ACKNOWLEDGED],
    )
    def post(self, request: Request, event_id: int) -> Response:
        """Say that you have looked at one of the organization's events. Whoever said so first stays on record.

        What concerns a member's account is not the organization's to acknowledge (404).
        """
        body = self.body(AcknowledgeSerializer)
        event = security.acknowledge(
            security_event=self.row(SecurityEvent.objects.all(), pk=event_id),
            by=self.person,
            at=timezone.now(),
            note=body["note"],
        )
        return Response(SecurityEventSerializer(event).data)


class MySecurityEventListView(Listing):
    """What concerns the security of the account of the person who asks."""

    authentication_classes = (JWTAuthentication, PortalSessionAuthentication)
    permission_classes = (IsAuthenticated,)
    http_method_names = ["get", "head"]
    shape = MySecurityEventSerializer
    filters = ListMySecurityEventsSerializer

    @extend_schema(
        operation_id="users_me_security_events",
        summary="List my security events",
        parameters=[ListMySecurityEventsSerializer],
        responses=MySecurityEventSerializer(many=True),
        examples=[examples.MINE],
    )
    def get(self, request: Request) -> Response:
        """List what concerns the security of your account, newest first."""
        assert isinstance(request.user, User)
        filters = self.asked()
        events = selectors.narrowed(selectors.security_events_about(request.user), **filters)
        return self.listed(events, context={"is_own": True})
