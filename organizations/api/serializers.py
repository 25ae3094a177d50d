"""Shapes of organizations and members in and out."""

from collections.abc import Mapping
from typing import Any, cast

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import User
from accounts.services import factors
from config.common import mail_addresses
from config.common.expansion import Expanded, Relation
from config.common.fields import MetadataField, StrictSerializer
from organizations import access, selectors
from organizations.access import ConsoleAddressRefused, SecondFactorRequired, Tenant
from organizations.expansions import PersonSerializer
from organizations.models import Organization, OrganizationStatus, Role
from organizations.roles import CHOICES, Permission
from organizations.scoping import OrganizationScoped
from organizations.services.organizations import Settings

_KEPT_OUT = [ConsoleAddressRefused.code, SecondFactorRequired.code]
# How the members of `billing` are called in the model.
_BILLING = {
    "name": "billing_name",
    "email": "billing_email",
    "address": "billing_address",
    "tax_id": "tax_id",
}


class AddressSerializer(StrictSerializer):
    """A postal address; what a country does not know is left out."""

    line1 = serializers.CharField(max_length=200, required=False)
    line2 = serializers.CharField(max_length=200, required=False)
    postal_code = serializers.CharField(max_length=20, required=False)
    city = serializers.CharField(max_length=100, required=False)
    state = serializers.CharField(max_length=100, required=False)
    country = serializers.RegexField(
        r"\A[A-Z]{2}\Z", required=False, help_text="Two letters (ISO 3166-1), such as FR."
    )


class BillingDetailsSerializer(StrictSerializer):
    """What an invoice says about the customer."""

    name = serializers.CharField(max_length=200, allow_blank=True, required=False)
    email = serializers.EmailField(
        max_length=254, allow_blank=True, required=False, validators=[mail_addresses.validate]
    )
    address = AddressSerializer(required=False)
    tax_id = serializers.CharField(max_length=40, allow_blank=True, required=False)


class OverrideRateSerializer(serializers.Serializer[Any]):
    """`limit` calls per `per_seconds`, of which `burst` may come at once."""

    limit = serializers.IntegerField(source="rate_limit")
    per_seconds = serializers.IntegerField(source="rate_per_seconds")
    burst = serializers.IntegerField(source="rate_burst")


class OverridesSerializer(serializers.Serializer[Any]):
    """What was agreed beyond the plan; null where the plan's own number holds."""

    rate = serializers.SerializerMethodField()
    quota_limit = serializers.IntegerField(allow_null=True)

    @extend_schema_field(OverrideRateSerializer(allow_null=True))
    def get_rate(self, organization: Organization) -> dict[str, Any] | None:
        """Return the rate; null unless one was agreed."""
        return (
            None
            if organization.rate_limit is None
            else dict(OverrideRateSerializer(organization).data)
        )


class BillingSerializer(serializers.Serializer[Any]):
    """What an invoice says about the customer, and its currency."""

    name = serializers.CharField(source="billing_name")
    email = serializers.CharField(source="billing_email")
    address = AddressSerializer(source="billing_address")
    tax_id = serializers.CharField()
    currency = serializers.CharField()


class RoleReferenceSerializer(serializers.Serializer[Any]):
    """Which custom role is meant."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()


class CustomRoleSerializer(serializers.Serializer[Any]):
    """A role that the organization made itself."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    description = serializers.CharField()
    permissions = serializers.ListField(child=serializers.ChoiceField(CHOICES))
    holders = serializers.IntegerField(help_text="How many members have it.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


def _custom_roles(view: OrganizationScoped, ids: list[int]) -> Mapping[int, Any]:
    view.tenant.require(Permission.MEMBERS_READ)
    found = access.rows_of(view.tenant, selectors.roles_of(view.tenant.organization))
    return {one.pk: dict(CustomRoleSerializer(one).data) for one in found.filter(pk__in=ids)}


# Who refers to a custom role does so by a reference, which may be null.
CUSTOM_ROLE = Relation(
    CustomRoleSerializer, lambda row: (row["custom_role"] or {}).get("id"), _custom_roles
)


class OrganizationSerializer(serializers.Serializer[Any]):
    """An organization as one of its members sees it."""

    id = serializers.IntegerField(source="organization.pk")
    name = serializers.CharField(source="organization.name")
    slug = serializers.CharField(source="organization.slug")
    status = serializers.ChoiceField(OrganizationStatus.choices, source="organization.status")
    role = serializers.ChoiceField(
        Role.choices,
        allow_blank=True,
        help_text="The role of the person who asks; VIEWER for who has a custom role, which then says what they may do; empty for an API key.",
    )
    custom_role = RoleReferenceSerializer(allow_null=True)
    permissions = serializers.SerializerMethodField(help_text="What the one who asks may do here.")
    is_personal = serializers.SerializerMethodField()
    seat_limit = serializers.IntegerField(
        source="organization.seat_limit",
        allow_null=True,
        help_text="Members that the plan allows; null: any number.",
    )
    overrides = OverridesSerializer(source="organization")
    billing = serializers.SerializerMethodField()
    metadata = serializers.DictField(source="organization.metadata")
    kept_out = serializers.SerializerMethodField(
        help_text="Why the organization's security policy keeps you out, as the code of the problem that its operations"
        " answer; null where it does not. Until you meet it, you can read this and leave, and details are left out."
    )
    created_at = serializers.DateTimeField(source="organization.created_at")
    updated_at = serializers.DateTimeField(source="organization.updated_at")

    def to_representation(self, instance: Tenant) -> dict[str, Any]:
        """Leave out what is for those who may come in."""
        shown = super().to_representation(instance)
        if shown["kept_out"]:
            shown.update(billing=None, metadata={}, overrides={"rate": None, "quota_limit": None})
        return shown

    @extend_schema_field(serializers.ChoiceField(_KEPT_OUT, allow_null=True))
    def get_kept_out(self, tenant: Tenant) -> str | None:
        """Return the code of what stands in the way."""
        person = tenant.user
        if person is None:
            return None
        found = access.hindrance(
            tenant.organization, has_second_factor=lambda: self._has_second_factor(person)
        )
        return None if found is None else found.code

    def _has_second_factor(self, user: User) -> bool:
        known: dict[int, bool] = self.root.__dict__.setdefault("second_factors", {})
        if user.pk not in known:
            known[user.pk] = factors.has_second_factor(user)
        return known[user.pk]

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(CHOICES)))
    def get_permissions(self, tenant: Tenant) -> list[str]:
        """Return the permissions by name."""
        return sorted(permission.value for permission in tenant.held)

    def get_is_personal(self, tenant: Tenant) -> bool:
        """Return whether it was opened for the person at registration."""
        owner_id = tenant.organization.personal_of_id
        return owner_id is not None and tenant.user is not None and owner_id == tenant.user.pk

    @extend_schema_field(BillingSerializer(allow_null=True))
    def get_billing(self, tenant: Tenant) -> dict[str, Any] | None:
        """Return the billing details; null for roles that may not read them."""
        if not tenant.may(Permission.BILLING_READ):
            return None
        return dict(BillingSerializer(tenant.organization).data)


class UpdateOrganizationSerializer(StrictSerializer):
    """What may be changed of an organization; what is left out stays, also within `billing`."""

    name = serializers.CharField(max_length=120, required=False)
    billing = BillingDetailsSerializer(required=False)
    metadata = MetadataField(required=False)

    def settings(self) -> Settings:
        """Return the members that were sent, as the services take them."""
        data = dict(self.validated_data)
        billing = data.pop("billing", {})
        flat = {_BILLING[name]: value for name, value in billing.items()}
        return cast("Settings", {**data, **flat})


class CreateOrganizationSerializer(StrictSerializer):
    """What a new organization needs."""

    name = serializers.CharField(max_length=120)


class MemberSerializer(serializers.Serializer[Any]):
    """A person's place in the organization."""

    user = PersonSerializer()
    role = serializers.ChoiceField(Role.choices)
    custom_role = RoleReferenceSerializer(allow_null=True)
    joined_at = serializers.DateTimeField(source="created_at")
    expanded = Expanded(custom_role=CUSTOM_ROLE)


class ChangeRoleSerializer(StrictSerializer):
    """The role that a member is to have: a built-in one, or one of the organization's own."""

    role = serializers.ChoiceField(Role.choices, required=False)
    custom_role_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Insist on one of the two."""
        if len(attrs) != 1:
            message = "Give either a built-in role or a custom role."
            raise serializers.ValidationError({"role": [message]}, code="either")
        return attrs


class TransferOwnershipSerializer(StrictSerializer):
    """Who is to own the organization."""

    user_id = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, help_text="A member of the organization."
    )


class CloseOrganizationSerializer(StrictSerializer):
    """The confirmation without which nothing is closed."""

    name = serializers.CharField(
        max_length=120, help_text="The organization's name, as a confirmation."
    )
