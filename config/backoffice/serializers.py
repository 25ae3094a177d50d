"""Shapes of the staff API of the house as a whole."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import Broadcast, PlatformRole
from accounts.models.notices import BODY_LENGTH, LINK_LENGTH, TITLE_LENGTH
from accounts.services import audiences
from accounts.services.audiences import Audience
from accounts.services.broadcasts import Words
from config.common.fields import StrictSerializer
from organizations.models import Role


class AudienceSerializer(StrictSerializer):
    """Whom a broadcast is for. Every criterion has to hold; what is left out, or empty, restricts nothing.

    `organization_roles` and `plans` together mean the role in an organization that has the plan.
    """

    roles = serializers.ListField(
        child=serializers.ChoiceField(choices=PlatformRole.choices), required=False, max_length=10
    )
    organization_roles = serializers.ListField(
        child=serializers.ChoiceField(choices=Role.choices), required=False, max_length=10
    )
    plans = serializers.ListField(
        child=serializers.CharField(max_length=20),
        required=False,
        max_length=50,
        help_text="Codes of plans.",
    )
    verified = serializers.BooleanField(
        required=False, allow_null=True, help_text="Whether the address is proved; null: either."
    )


class PreviewSerializer(StrictSerializer):
    """The audience that is asked about."""

    audience = AudienceSerializer()


class ReachSerializer(serializers.Serializer[Any]):
    """Whom an audience reaches at the moment."""

    people = serializers.IntegerField(read_only=True, help_text="Who would be told something.")
    by_mail = serializers.IntegerField(
        read_only=True,
        help_text="How many of them have a proved address: only they are written to.",
    )
    description = serializers.CharField(read_only=True)


class WordsSerializer(StrictSerializer):
    """What is said, and by which ways."""

    title = serializers.CharField(max_length=TITLE_LENGTH)
    body = serializers.CharField(
        max_length=BODY_LENGTH, help_text="Plain text; an empty line begins a paragraph."
    )
    link = serializers.CharField(
        max_length=LINK_LENGTH,
        required=False,
        allow_blank=True,
        default="",
        help_text="A path of the portal, such as `/usage/`.",
    )
    by_mail = serializers.BooleanField(required=False, default=True)
    in_app = serializers.BooleanField(required=False, default=True)

    @staticmethod
    def words(body: dict[str, Any]) -> Words:
        """Return the words of a body that was read."""
        return Words(**{name: body[name] for name in Words.__dataclass_fields__})


class SendBroadcastSerializer(WordsSerializer):
    """A message and whom it is for."""

    audience = AudienceSerializer(required=False, default=dict)


class BroadcastSerializer(serializers.ModelSerializer[Broadcast]):
    """A message to many people, and how far it is."""

    percent = serializers.IntegerField(read_only=True, min_value=0, max_value=100)
    audience = serializers.SerializerMethodField()

    class Meta:
        model = Broadcast
        fields = (
            "id",
            "title",
            "body",
            "link",
            "by_mail",
            "in_app",
            "audience",
            "status",
            "percent",
            "people_total",
            "people_done",
            "mails_done",
            "created_by_id",
            "started_at",
            "finished_at",
            "created_at",
        )
        read_only_fields = fields

    @extend_schema_field(AudienceSerializer)
    def get_audience(self, broadcast: Broadcast) -> Audience:
        """Return the criteria that restrict something."""
        audience: Audience = broadcast.audience
        return audience


def reach_of(audience: Audience, people: int, by_mail: int) -> dict[str, Any]:
    """Return the answer to a preview."""
    words = audiences.describe(audience)
    return {"people": people, "by_mail": by_mail, "description": words}


class PeopleCountsSerializer(serializers.Serializer[Any]):
    """How many people there are; "lately" is the last thirty days."""

    active = serializers.IntegerField(read_only=True)
    suspended = serializers.IntegerField(read_only=True)
    registered_lately = serializers.IntegerField(read_only=True)
    signed_in_lately = serializers.IntegerField(read_only=True)


class OrganizationCountsSerializer(serializers.Serializer[Any]):
    """How many organizations there are; "lately" is the last thirty days."""

    active = serializers.IntegerField(read_only=True)
    suspended = serializers.IntegerField(read_only=True)
    created_lately = serializers.IntegerField(read_only=True)


class PlanCountSerializer(serializers.Serializer[Any]):
    """How many organizations are on a plan."""

    plan = serializers.CharField(read_only=True)
    active = serializers.IntegerField(read_only=True)


class DashboardSerializer(serializers.Serializer[Any]):
    """What a seller looks at first."""

    at = serializers.DateTimeField(read_only=True)
    people = PeopleCountsSerializer(read_only=True)
    organizations = OrganizationCountsSerializer(read_only=True)
    subscriptions = PlanCountSerializer(read_only=True, many=True)
    usable_keys = serializers.IntegerField(read_only=True)
    calls_last_day = serializers.IntegerField(
        read_only=True, help_text="Calls that were let through in the last 24 hours."
    )


class StreamSerializer(serializers.Serializer[Any]):
    """Calls that wait to be counted."""

    length = serializers.IntegerField(read_only=True)
    lag_seconds = serializers.FloatField(read_only=True)


class MailCountsSerializer(serializers.Serializer[Any]):
    """Mails that wait, and those that were given up and can be sent again."""

    waiting = serializers.IntegerField(read_only=True)
    failed = serializers.IntegerField(read_only=True)


class WebhookQueueSerializer(serializers.Serializer[Any]):
    """What webhooks are owed."""

    to_fan_out = serializers.IntegerField(read_only=True)
    due = serializers.IntegerField(read_only=True)
    pending = serializers.IntegerField(read_only=True)
    oldest_due_seconds = serializers.FloatField(read_only=True)
    open_circuits = serializers.IntegerField(read_only=True)
    failing = serializers.IntegerField(read_only=True)


class NotedSerializer(serializers.Serializer[Any]):
    """How often something that concerns security was noticed in the last hour."""

    name = serializers.CharField(read_only=True)
    severity = serializers.CharField(read_only=True)
    count = serializers.IntegerField(read_only=True)


class SystemMetricsSerializer(serializers.Serializer[Any]):
    """What waits where, and what was noticed in the last hour."""

    at = serializers.DateTimeField(read_only=True)
    usage_stream = StreamSerializer(
        read_only=True, allow_null=True, help_text="Null while the store of counters is away."
    )
    mails = MailCountsSerializer(read_only=True)
    webhooks = WebhookQueueSerializer(read_only=True)
    exports_open = serializers.IntegerField(read_only=True)
    broadcasts_sending = serializers.IntegerField(read_only=True)
    security_events = NotedSerializer(read_only=True, many=True)
