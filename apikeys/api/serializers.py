"""Shapes of keys in and out. What the values mean is checked by the services, so that pages refuse the same."""

from decimal import Decimal
from typing import Any, ClassVar, cast

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apikeys import selectors
from apikeys.models import ApiKey, Environment, QuotaPeriods, Refills
from apikeys.services.key_checks import (
    MAX_ORIGIN_LENGTH,
    MAX_PER_SECONDS,
    MAX_RATE,
    MAX_SCOPE_LENGTH,
    MAX_UNITS,
    KeyChanges,
    KeySettings,
)
from apikeys.services.rotation import MAX_OVERLAP_SECONDS
from config.common.expansion import Expanded
from config.common.fields import StrictSerializer
from organizations import expansions

MICRO = 1_000_000


class RateSerializer(StrictSerializer):
    """`limit` calls per `per_seconds`, of which `burst` may come at once."""

    limit = serializers.IntegerField(min_value=1, max_value=MAX_RATE)
    per_seconds = serializers.IntegerField(min_value=1, max_value=MAX_PER_SECONDS, default=1)
    burst = serializers.IntegerField(
        min_value=1, max_value=MAX_RATE, required=False, help_text="As many as `limit` if left out."
    )


class QuotaSerializer(StrictSerializer):
    """Units per period; `billing` is the period of the organization's subscription."""

    limit = serializers.IntegerField(min_value=1, max_value=MAX_UNITS)
    period = serializers.ChoiceField(QuotaPeriods.choices, default=QuotaPeriods.MONTH)


class CreditsSerializer(StrictSerializer):
    """Prepaid units of this key, filled up again at the beginning of each day or month (UTC), or never.

    Those that are never filled up pay for the calls since they were given; a larger amount adds the difference.
    """

    amount = serializers.DecimalField(
        max_digits=16,
        decimal_places=6,
        min_value=Decimal(0),
        max_value=Decimal(MAX_UNITS // MICRO),
        normalize_output=True,
    )
    refill = serializers.ChoiceField(Refills.choices, default=Refills.NONE)


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """A key as everybody may see it who may see keys. Its secret is not among this."""

    status = serializers.ChoiceField(["active", "disabled", "expired", "revoked"], read_only=True)
    enabled = serializers.SerializerMethodField()
    rate = serializers.SerializerMethodField()
    quota = serializers.SerializerMethodField()
    credits = serializers.SerializerMethodField()
    metadata = serializers.DictField(read_only=True)
    created_by = serializers.IntegerField(source="created_by_id", read_only=True, allow_null=True)
    last_used_at = serializers.DateTimeField(read_only=True, allow_null=True, default=None)
    is_outdated = serializers.BooleanField(
        read_only=True,
        default=False,
        help_text="Whether the key is older than the organization's security policy allows. It works until it is revoked or replaced.",
    )
    expanded = Expanded(created_by=expansions.member("created_by"))

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (
            "id",
            "name",
            "description",
            "environment",
            "prefix",
            "last4",
            "status",
            "enabled",
            "scopes",
            "rate",
            "quota",
            "credits",
            "ip_allowlist",
            "allowed_origins",
            "metadata",
            "external_id",
            "created_by",
            "created_at",
            "updated_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "is_outdated",
            "expanded",
        )
        read_only_fields = fields

    def get_enabled(self, key: ApiKey) -> bool:
        """Return the switch of the key."""
        return key.disabled_at is None

    @extend_schema_field(RateSerializer(allow_null=True))
    def get_rate(self, key: ApiKey) -> dict[str, int | None] | None:
        """Return the key's own rate; null when the organization's holds."""
        if key.rate_limit is None:
            return None
        return {
            "limit": key.rate_limit,
            "per_seconds": key.rate_per_seconds,
            "burst": key.rate_burst,
        }

    @extend_schema_field(QuotaSerializer(allow_null=True))
    def get_quota(self, key: ApiKey) -> dict[str, Any] | None:
        """Return the key's own quota; the organization's holds besides."""
        if key.quota_limit is None:
            return None
        return {"limit": key.quota_limit, "period": key.quota_period}

    @extend_schema_field(CreditsSerializer(allow_null=True))
    def get_credits(self, key: ApiKey) -> dict[str, Any] | None:
        """Return the key's prepaid units; null when it needs none."""
        if key.credits_micro is None:
            return None
        amount = {"amount": Decimal(key.credits_micro) / MICRO, "refill": key.credits_refill}
        return dict(CreditsSerializer(amount).data)


class ApiKeyWithSecretSerializer(ApiKeySerializer):
    """A key with its secret, in the one answer that shows it."""

    key = serializers.CharField(read_only=True, help_text="The secret. It is shown this once.")

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "key")
        read_only_fields = fields


class KeyOwnerSerializer(StrictSerializer):
    """The organization a key belongs to."""

    id = serializers.IntegerField()
    name = serializers.CharField()


class WhoAmISerializer(StrictSerializer):
    """What a presented key is: the key, the one secret of it that was presented, and what holds for it now."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    environment = serializers.ChoiceField(Environment.choices)
    prefix = serializers.CharField()
    last4 = serializers.CharField()
    organization = KeyOwnerSerializer()
    plan = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    rate = RateSerializer(help_text="The rate in force, whoever set it.")
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="When this secret stops working, by its own end or the key's."
    )
    last_used_at = serializers.DateTimeField(allow_null=True)


class UpdateApiKeySerializer(StrictSerializer):
    """What may be changed of a key; members that are left out stay as they are."""

    name = serializers.CharField(max_length=80)
    description = serializers.CharField(max_length=500, allow_blank=True)
    enabled = serializers.BooleanField()
    scopes = serializers.ListField(child=serializers.CharField(max_length=MAX_SCOPE_LENGTH))
    rate = RateSerializer(allow_null=True)
    quota = QuotaSerializer(allow_null=True)
    credits = CreditsSerializer(allow_null=True)
    ip_allowlist = serializers.ListField(child=serializers.CharField(max_length=64))
    allowed_origins = serializers.ListField(
        child=serializers.CharField(max_length=MAX_ORIGIN_LENGTH)
    )
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="When the key ends, before the year 2200; null: never."
    )
    metadata = serializers.DictField()
    external_id = serializers.CharField(max_length=255, allow_blank=True)

    required_members: ClassVar[frozenset[str]] = frozenset()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields, of which most may be left out; a partial serializer would let parts of a rate be too."""
        fields = super().get_fields()
        for name, field in fields.items():
            field.required = name in self.required_members
        return fields

    def settings(self) -> KeyChanges:
        """Return the members that were sent, as the services take them."""
        return _settings(self.validated_data)


class CreateApiKeySerializer(UpdateApiKeySerializer):
    """What a new key is told. Only the name is needed."""

    environment = serializers.ChoiceField(Environment.choices, default=Environment.LIVE)
    required_members = frozenset({"name"})

    def settings(self) -> KeySettings:
        """Return the members that were sent, as the services take them."""
        return _settings(self.validated_data)


class RotateApiKeySerializer(StrictSerializer):
    """How long the present secret goes on working beside the new one."""

    overlap_seconds = serializers.IntegerField(
        min_value=0, max_value=MAX_OVERLAP_SECONDS, default=0
    )


class ListApiKeysSerializer(StrictSerializer):
    """The filters of the list."""

    environment = serializers.ChoiceField(Environment.choices, required=False)
    status = serializers.ChoiceField(
        selectors.STATUSES,
        required=False,
        help_text="`expiring` keys are active ones that end within 30 days; `outdated` ones are older than the security policy allows.",
    )
    external_id = serializers.CharField(required=False, max_length=255)
    q = serializers.CharField(
        required=False,
        max_length=80,
        help_text="Part of the name or prefix, or the last four characters.",
    )


def _settings(data: dict[str, Any]) -> KeySettings:
    """Lay the nested members side by side; null takes the whole of one away."""
    flat = {name: value for name, value in data.items() if name not in {"rate", "quota", "credits"}}
    if "rate" in data:
        rate = data["rate"] or {}
        flat["rate_limit"] = rate.get("limit")
        flat["rate_per_seconds"] = rate.get("per_seconds")
        flat["rate_burst"] = rate.get("burst")
    if "quota" in data:
        quota = data["quota"] or {}
        flat["quota_limit"] = quota.get("limit")
        flat["quota_period"] = quota.get("period", "")
    if "credits" in data:
        prepaid = data["credits"]
        flat["credits_micro"] = int(prepaid["amount"] * MICRO) if prepaid else None
        flat["credits_refill"] = prepaid["refill"] if prepaid else Refills.NONE
    return cast("KeySettings", flat)
