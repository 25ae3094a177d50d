"""Shapes of security events: what lists may be asked for, what an event says, and how one is acknowledged."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from audit.models import SecurityEvent, Severity
from audit.vocabulary import TERMS
from config.common.fields import StrictSerializer

# Said once by fields of their own.
_SAID_ELSEWHERE = {"organization_id", "user_id"}


class ListMySecurityEventsSerializer(StrictSerializer):
    """Which of a person's own events are asked for."""

    name = serializers.ChoiceField(
        choices=sorted(TERMS), required=False, help_text="A name of the OWASP logging vocabulary."
    )
    severity = serializers.ChoiceField(choices=Severity.choices, required=False)
    since = serializers.DateTimeField(required=False, help_text="Noted at this moment or later.")
    until = serializers.DateTimeField(required=False, help_text="Noted before this moment.")


class ListSecurityEventsSerializer(ListMySecurityEventsSerializer):
    """Which of an organization's events are asked for."""

    user_id = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="Events about one person."
    )
    acknowledged = serializers.BooleanField(
        required=False, help_text="Whether somebody has looked at them."
    )


class AcknowledgeSerializer(StrictSerializer):
    """What whoever looked at an event wishes to say of it."""

    note = serializers.CharField(required=False, default="", allow_blank=True, max_length=300)


class SecurityEventSerializer(serializers.ModelSerializer[SecurityEvent]):
    """A security event. Whatever repeats within a minute is one event with a `count`.

    Of what befell a member's account as a whole (`concerns` is `member`), an organization sees that it happened, not
    from where: `ip`, `user_agent`, `request_id` and `details` are null.
    """

    title = serializers.CharField(read_only=True)
    concerns = serializers.SerializerMethodField()
    ip = serializers.SerializerMethodField()
    user_agent = serializers.SerializerMethodField()
    request_id = serializers.SerializerMethodField()
    details = serializers.SerializerMethodField()

    class Meta:
        model = SecurityEvent
        fields = (
            "id",
            "name",
            "title",
            "severity",
            "concerns",
            "user_id",
            "count",
            "ip",
            "user_agent",
            "request_id",
            "details",
            "created_at",
            "last_seen_at",
            "acknowledged_at",
            "acknowledged_by_id",
            "acknowledged_note",
        )

    def _is_open(self, event: SecurityEvent) -> bool:
        """Whether whoever asks may see from where it came: it is their organization's, or their own."""
        return bool(event.organization_id or self.context.get("is_own"))

    @extend_schema_field({"enum": ["organization", "member", "you"], "type": "string"})
    def get_concerns(self, event: SecurityEvent) -> str:
        """Say whom the event concerns."""
        if event.organization_id:
            return "organization"
        return "you" if self.context.get("is_own") else "member"

    @extend_schema_field({"type": ["string", "null"]})
    def get_ip(self, event: SecurityEvent) -> str | None:
        """Return the address."""
        return event.ip if self._is_open(event) else None

    @extend_schema_field({"type": ["string", "null"]})
    def get_user_agent(self, event: SecurityEvent) -> str | None:
        """Return what the client called itself."""
        return event.user_agent if self._is_open(event) else None

    @extend_schema_field({"type": ["string", "null"]})
    def get_request_id(self, event: SecurityEvent) -> str | None:
        """Return the id of the request, the first one of many."""
        return event.request_id if self._is_open(event) else None

    @extend_schema_field({"type": ["object", "null"], "additionalProperties": True})
    def get_details(self, event: SecurityEvent) -> dict[str, Any] | None:
        """Return the event's own values."""
        if not self._is_open(event):
            return None
        return {name: value for name, value in event.data.items() if name not in _SAID_ELSEWHERE}
