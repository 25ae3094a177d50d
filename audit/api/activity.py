"""A person's own entries of the log over REST: what they did, and what was done to their account."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import JWTAuthentication, PortalSessionAuthentication
from accounts.models import User
from audit import selectors
from audit.models import AuditLog
from config.common.expansion import Expanded
from config.common.listing import Listing
from organizations import expansions

_EXAMPLE: dict[str, Any] = {
    "id": 90210,
    "event": "api_key.created",
    "summary": "key Checkout created",
    "by_me": True,
    "by": "you",
    "organization_id": 3,
    "ip": "203.0.113.7",
    "user_agent": "Mozilla/5.0",
    "request_id": "4f0c6d2a9b1e4c7f8a3d5e6b7c8d9e0f",
    "occurred_at": "2026-02-01T08:00:00Z",
}


class ActivitySerializer(serializers.ModelSerializer[AuditLog]):
    """One thing that happened. Where somebody else acted, from where is null."""

    by_me = serializers.SerializerMethodField(help_text="Whether the person did it themselves.")
    by = serializers.SerializerMethodField(
        help_text="`you`, or what acted: `staff`, another `user`, an `api_key`, a `job` …"
    )

    ip = serializers.SerializerMethodField()
    user_agent = serializers.SerializerMethodField()
    request_id = serializers.SerializerMethodField()
    expanded = Expanded(organization=expansions.organization_of_person("organization_id"))

    class Meta:
        model = AuditLog
        fields = (
            "id",
            "event",
            "summary",
            "by_me",
            "by",
            "organization_id",
            "ip",
            "user_agent",
            "request_id",
            "occurred_at",
            "expanded",
        )
        read_only_fields = fields

    def get_by_me(self, entry: AuditLog) -> bool:
        """Compare with the person who asks."""
        return selectors.is_by(self.context["person"], entry)

    def get_by(self, entry: AuditLog) -> str:
        """Say what acted, if it was not the person."""
        return "you" if selectors.is_by(self.context["person"], entry) else entry.actor_type

    def get_ip(self, entry: AuditLog) -> str | None:
        """Return the address; null where somebody else acted."""
        return entry.ip if self.get_by_me(entry) else None

    def get_user_agent(self, entry: AuditLog) -> str | None:
        """Return what the client called itself; null where somebody else acted."""
        return entry.user_agent if self.get_by_me(entry) else None

    def get_request_id(self, entry: AuditLog) -> str | None:
        """Return the id of the request; null where somebody else acted."""
        return entry.request_id if self.get_by_me(entry) else None


class ActivityView(Listing):
    """What the person who asks did, and what was done to their account."""

    authentication_classes = (JWTAuthentication, PortalSessionAuthentication)
    permission_classes = (IsAuthenticated,)
    shape = ActivitySerializer
    orders: ClassVar[dict[str, str]] = {"occurred_at": "occurred_at"}

    @extend_schema(
        operation_id="users_me_activity",
        summary="List my activity",
        responses=ActivitySerializer(many=True),
        examples=[OpenApiExample("A key was created", value=_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List what you did, and what was done to your account, newest first."""
        assert isinstance(request.user, User)
        return self.listed(selectors.activity_of(request.user), context={"person": request.user})
