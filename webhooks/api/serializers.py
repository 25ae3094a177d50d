"""Shapes of endpoints in and out. What the values mean is checked by the services, so that pages refuse the same."""

from typing import Any, ClassVar, cast

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.common.expansion import Expanded
from config.common.fields import StrictSerializer
from organizations import expansions
from webhooks import matching
from webhooks.models import DisabledReason, Kind, Signature, Webhook
from webhooks.selectors import lists
from webhooks.services.endpoint_checks import (
    MAX_CONCURRENCY,
    MAX_EVENT_TYPES,
    EndpointChanges,
    EndpointSettings,
)
from webhooks.services.secrets import DEFAULT_OVERLAP_SECONDS, MAX_OVERLAP_SECONDS
from webhooks.services.testing import DEFAULT_TYPE


class PayloadFilterSerializer(StrictSerializer):
    """A condition on the payload; an endpoint gets an event only if all of its filters hold."""

    path = serializers.CharField(
        max_length=200, help_text="Where to look, such as `data.plan` or `data.after.name`."
    )
    operator = serializers.ChoiceField(choices=list(matching.OPERATORS))
    value = serializers.JSONField(
        required=False,
        allow_null=True,
        help_text="A text, a number, true or false; a list for `in`; may be left out for `exists`.",
    )


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """An endpoint as everybody may see it who may see webhooks: no secret, and of custom headers only the names."""

    status = serializers.ChoiceField(list(lists.STATUSES), read_only=True)
    enabled = serializers.BooleanField(source="is_enabled", read_only=True)
    event_types = serializers.ListField(child=serializers.CharField(), read_only=True)
    filters = PayloadFilterSerializer(many=True, read_only=True)
    header_names = serializers.ListField(child=serializers.CharField(), read_only=True)
    disabled_reason = serializers.SerializerMethodField()
    created_by = serializers.IntegerField(source="created_by_id", read_only=True, allow_null=True)
    expanded = Expanded(created_by=expansions.member("created_by"))

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = (
            "id",
            "url",
            "description",
            "kind",
            "signature",
            "event_types",
            "filters",
            "ordering_path",
            "concurrency",
            "header_names",
            "status",
            "enabled",
            "disabled_at",
            "disabled_reason",
            "failing_since",
            "failures_in_a_row",
            "circuit_open_until",
            "last_success_at",
            "last_failure_at",
            "created_by",
            "created_at",
            "updated_at",
            "expanded",
        )
        read_only_fields = fields

    @extend_schema_field(
        serializers.ChoiceField(DisabledReason.values[1:], allow_null=True),
    )
    def get_disabled_reason(self, webhook: Webhook) -> str | None:
        """Return why the endpoint gets nothing; null while it is enabled."""
        return webhook.disabled_reason or None


class WebhookWithSecretSerializer(WebhookSerializer):
    """An endpoint with what verifies its deliveries, in the one answer that shows it."""

    secret = serializers.CharField(
        read_only=True,
        help_text="`whsec_…`, shown this once; `whpk_…`, the public key, when the signature is `ed25519`.",
    )

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")
        read_only_fields = fields


class UpdateWebhookSerializer(StrictSerializer):
    """What may be changed of an endpoint; members that are left out stay as they are."""

    url = serializers.CharField(max_length=2048, trim_whitespace=True)
    description = serializers.CharField(max_length=500, allow_blank=True)
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=80),
        max_length=MAX_EVENT_TYPES,
        help_text="Names such as `member.added`, areas such as `member.*`, or `*` for all; empty means all.",
    )
    filters = serializers.ListField(
        child=PayloadFilterSerializer(), max_length=matching.MAX_FILTERS
    )
    headers = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=1_000, trim_whitespace=False),
        help_text="Custom headers as a whole: those that are left out are taken away. Values are never shown again.",
    )
    ordering_path = serializers.CharField(
        max_length=200,
        allow_blank=True,
        help_text="Events with the same value at this path, such as `data.api_key_id`, arrive in order.",
    )
    concurrency = serializers.IntegerField(
        min_value=1,
        max_value=MAX_CONCURRENCY,
        help_text="How many requests may run at once, from each process that sends; there is one unless the operator runs more.",
    )

    required_members: ClassVar[frozenset[str]] = frozenset()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields, of which most may be left out."""
        fields = super().get_fields()
        for name, field in fields.items():
            field.required = name in self.required_members
        return fields

    def settings(self) -> EndpointChanges:
        """Return the members that were sent, as the services take them."""
        return cast("EndpointChanges", _settings(self.validated_data))


class CreateWebhookSerializer(UpdateWebhookSerializer):
    """What a new endpoint is told. Only the URL is needed."""

    kind = serializers.ChoiceField(Kind.choices, help_text="In whose form events are sent.")
    signature = serializers.ChoiceField(
        Signature.choices, help_text="How deliveries are signed; it never changes."
    )
    required_members = frozenset({"url"})

    def settings(self) -> EndpointSettings:
        """Return the members that were sent, as the services take them."""
        return cast("EndpointSettings", _settings(self.validated_data))


class RotateWebhookSecretSerializer(StrictSerializer):
    """How long the present secret goes on signing beside the new one."""

    overlap_seconds = serializers.IntegerField(
        min_value=0, max_value=MAX_OVERLAP_SECONDS, default=DEFAULT_OVERLAP_SECONDS
    )


class WebhookSecretSerializer(StrictSerializer):
    """A new secret, in the one answer that shows it."""

    secret = serializers.CharField(
        help_text="`whsec_…`, or the public key `whpk_…` when the signature is `ed25519`."
    )
    previous_expires_at = serializers.DateTimeField(
        help_text="Until when the former secrets sign, too, at the latest."
    )


class TestEventSerializer(StrictSerializer):
    """Which event to send an example of."""

    # The name says what it is; pytest is not to look for tests in it.
    __test__ = False

    event_type = serializers.CharField(max_length=80, default=DEFAULT_TYPE)


class ListWebhooksSerializer(StrictSerializer):
    """The filters of the list."""

    status = serializers.ChoiceField(list(lists.STATUSES), required=False)
    q = serializers.CharField(
        required=False, max_length=80, help_text="Part of the URL or of the description."
    )


def _settings(data: dict[str, Any]) -> Any:
    """Return plain members: nested ones come as mappings of the framework's own."""
    plain = dict(data)
    if "filters" in plain:
        plain["filters"] = [dict(condition) for condition in plain["filters"]]
    if "headers" in plain:
        plain["headers"] = dict(plain["headers"])
    return plain
