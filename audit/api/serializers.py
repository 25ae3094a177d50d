"""Shapes of the log and of security events: what may be asked for, what each says, and how one is acknowledged."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from audit import selectors
from audit.models import AuditLog, SecurityEvent, Severity
from audit.vocabulary import TERMS
from config.common.events import catalogue
from config.common.expansion import Expanded
from config.common.exports import Format
from config.common.fields import StrictSerializer
from organizations import expansions

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
    expanded = Expanded(
        user=expansions.member("user_id"), acknowledged_by=expansions.member("acknowledged_by_id")
    )

    class Meta:
        model = SecurityEvent
        fields: tuple[str, ...] = (
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
            "expanded",
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


class MySecurityEventSerializer(SecurityEventSerializer):
    """A security event of one's own account."""

    expanded = None  # type: ignore[assignment]

    class Meta(SecurityEventSerializer.Meta):
        fields = tuple(name for name in SecurityEventSerializer.Meta.fields if name != "expanded")


_LARGEST_ID = 2**63 - 1


class AuditLogFiltersSerializer(StrictSerializer):
    """Which entries of the log are asked for."""

    actor_type = serializers.ChoiceField(
        choices=selectors.ACTORS,
        required=False,
        help_text="What acted: a person, staff, a key, a job …",
    )
    actor_id = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=_LARGEST_ID,
        help_text="The id of the person or key that acted; never matches staff.",
    )
    action = serializers.ChoiceField(
        choices=[event.name for event in catalogue()],
        required=False,
        help_text="What happened, by its event's name.",
    )
    target_type = serializers.CharField(
        required=False, max_length=60, help_text="What it happened to, such as `api_key`."
    )
    target_id = serializers.IntegerField(required=False, min_value=1, max_value=_LARGEST_ID)
    request_id = serializers.CharField(
        required=False, max_length=64, help_text="The `X-Request-Id` of the request that did it."
    )
    since = serializers.DateTimeField(required=False, help_text="At this moment or later.")
    until = serializers.DateTimeField(required=False, help_text="Before this moment.")


class ExportAuditLogSerializer(AuditLogFiltersSerializer):
    """Which entries are to be copied, and as what."""

    file_format = serializers.ChoiceField(
        choices=[one.value for one in Format],
        required=False,
        default=Format.CSV.value,
        help_text="CSV for spreadsheets, or one JSON object per line.",
    )


class ActorSerializer(serializers.Serializer[dict[str, Any]]):
    """Who or what acted. Staff are marked as staff and not named."""

    type = serializers.ChoiceField(choices=selectors.ACTORS)
    id = serializers.IntegerField(allow_null=True)
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]


class TargetSerializer(serializers.Serializer[dict[str, Any]]):
    """What it happened to."""

    type = serializers.CharField(allow_blank=True)
    id = serializers.IntegerField(allow_null=True)


def _person_in(row: Mapping[str, Any]) -> int | None:
    """Return the person that a shown entry names as its actor; staff are not named."""
    actor: Mapping[str, Any] = row["actor"]
    return actor["id"] if actor["type"] == "user" else None


class AuditLogSerializer(serializers.Serializer[AuditLog]):
    """One entry: who did what to what, from where, in which request; nothing secret is ever in it.

    `old_values` and `new_values` hold the columns that changed: of something new there are only new ones, of something
    removed only old ones. Where staff act from is not told.
    """

    id = serializers.IntegerField()
    occurred_at = serializers.DateTimeField()
    action = serializers.CharField()
    summary = serializers.CharField()
    actor = ActorSerializer()
    target = TargetSerializer()
    old_values = serializers.DictField(allow_null=True)
    new_values = serializers.DictField(allow_null=True)
    details = serializers.DictField()
    ip = serializers.CharField(allow_null=True)
    user_agent = serializers.CharField(allow_blank=True)
    request_id = serializers.CharField(allow_blank=True)
    expanded = Expanded(actor=expansions.member_by(_person_in))

    def to_representation(self, instance: AuditLog) -> dict[str, Any]:
        """Return what is shown, which is plain already: a long log needs no field to look at it again."""
        return selectors.shown(instance)
