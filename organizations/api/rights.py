"""Shapes of invitations, custom roles, grants and the security policy in and out."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.common.expansion import Expanded
from config.common.fields import NetworkField, StrictSerializer
from organizations import grantable
from organizations.api.serializers import (
    CUSTOM_ROLE,
    ChangeRoleSerializer,
    RoleReferenceSerializer,
)
from organizations.expansions import OrganizationReferenceSerializer, PersonSerializer
from organizations.models import ObjectGrant, OrganizationInvitation, Role
from organizations.roles import CHOICES
from organizations.services import grants
from organizations.services.security_policy import MAX_ENTRIES, MAX_KEY_AGE_DAYS

_BIGGEST = 2**63 - 1


class InviteSerializer(ChangeRoleSerializer):
    """Whom to invite, and as what: a built-in role, or one of the organization's own."""

    email = serializers.EmailField(max_length=254)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Insist on one of the two ways to name a role."""
        role = {name: value for name, value in attrs.items() if name != "email"}
        return {**super().validate(role), "email": attrs["email"]}


class InvitationSerializer(serializers.Serializer[Any]):
    """A place that an organization offers. Its link is in the mail and nowhere else."""

    id = serializers.IntegerField(source="pk")
    email = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)
    custom_role = RoleReferenceSerializer(allow_null=True)
    status = serializers.ChoiceField(OrganizationInvitation.Status.choices)
    invited_by = PersonSerializer(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(
        allow_null=True, help_text="When it was answered, taken back, or found expired."
    )
    expanded = Expanded(custom_role=CUSTOM_ROLE)


class MyInvitationSerializer(serializers.Serializer[Any]):
    """A place that is offered to the person who asks."""

    id = serializers.IntegerField(source="pk")
    organization = OrganizationReferenceSerializer()
    role = serializers.ChoiceField(Role.choices)
    custom_role = RoleReferenceSerializer(allow_null=True)
    status = serializers.ChoiceField(OrganizationInvitation.Status.choices)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class LinkSerializer(StrictSerializer):
    """What the mailed link ends with."""

    token = serializers.CharField(max_length=100)


class PlaceSerializer(serializers.Serializer[Any]):
    """The place that somebody has taken."""

    organization = OrganizationReferenceSerializer()
    role = serializers.ChoiceField(Role.choices)
    custom_role = RoleReferenceSerializer(allow_null=True)


class UpdateRoleSerializer(StrictSerializer):
    """What may be changed of a custom role."""

    name = serializers.CharField(max_length=60, required=False)
    description = serializers.CharField(max_length=300, allow_blank=True, required=False)
    permissions = serializers.ListField(
        child=serializers.ChoiceField(CHOICES), max_length=100, required=False
    )


class CreateRoleSerializer(UpdateRoleSerializer):
    """What a custom role needs. `organization:read` is part of every role."""

    name = serializers.CharField(max_length=60)
    permissions = serializers.ListField(child=serializers.ChoiceField(CHOICES), max_length=100)


class ReplacementSerializer(StrictSerializer):
    """What the holders of a deleted role are to have instead."""

    replacement = serializers.ChoiceField(
        Role.choices, required=False, help_text="A built-in role for its holders."
    )
    replacement_id = serializers.IntegerField(
        min_value=1, max_value=_BIGGEST, required=False, help_text="A custom role for its holders."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse two ways to name one role."""
        if len(attrs) == 2:
            message = "Give either a built-in role or a custom role."
            raise serializers.ValidationError({"replacement": [message]}, code="either")
        return attrs


class CataloguedPermissionSerializer(serializers.Serializer[Any]):
    """One permission of the catalogue."""

    name = serializers.CharField()
    meaning = serializers.CharField()
    roles = serializers.ListField(
        child=serializers.ChoiceField(Role.choices), help_text="The built-in roles that grant it."
    )


class CatalogueSerializer(serializers.Serializer[Any]):
    """Every permission there is."""

    permissions = CataloguedPermissionSerializer(many=True)


class GrantSerializer(serializers.Serializer[Any]):
    """What a member may do on one object, beyond their role."""

    id = serializers.IntegerField(source="pk")
    user = PersonSerializer()
    permission = serializers.SerializerMethodField()
    kind = serializers.SerializerMethodField(help_text="`organization`, `api_key` and the like.")
    object_id = serializers.IntegerField(source="object_pk")
    created_at = serializers.DateTimeField()

    @extend_schema_field(serializers.ChoiceField(CHOICES))
    def get_permission(self, grant: ObjectGrant) -> str:
        """Return the permission's name."""
        return grants.meaning_of(grant)[0].value

    def get_kind(self, grant: ObjectGrant) -> str:
        """Return the kind of object."""
        return grants.meaning_of(grant)[1].name


class GiveSerializer(StrictSerializer):
    """Who may do what on which object."""

    user_id = serializers.IntegerField(min_value=1, max_value=_BIGGEST, help_text="A member.")
    permission = serializers.ChoiceField(CHOICES)
    kind = serializers.CharField(max_length=40, help_text="`organization`, `api_key` and the like.")
    object_id = serializers.IntegerField(min_value=1, max_value=_BIGGEST)

    def validate_kind(self, kind: str) -> str:
        """Refuse kinds on which nothing can be given."""
        names = [one.name for one in grantable.kinds()]
        if kind not in names:
            message = f"Permissions can be given on: {', '.join(names)}."
            raise serializers.ValidationError(message, code="kind")
        return kind


class SecurityPolicySerializer(serializers.Serializer[Any]):
    """Who may come into the organization, and what its keys may be."""

    requires_two_factor = serializers.BooleanField(
        help_text="Members without a second factor are refused, and told how to set one up."
    )
    max_key_age_days = serializers.IntegerField(
        allow_null=True, help_text="New and changed keys end after so many days; null: no limit."
    )
    allowed_scopes = serializers.ListField(
        child=serializers.CharField(), help_text="What keys may be given; empty: anything."
    )
    console_networks = serializers.ListField(
        child=serializers.CharField(), help_text="Where people may come from; empty: anywhere."
    )


class UpdateSecurityPolicySerializer(StrictSerializer):
    """What may be changed of the security policy; what is left out stays."""

    requires_two_factor = serializers.BooleanField(required=False)
    max_key_age_days = serializers.IntegerField(
        min_value=1, max_value=MAX_KEY_AGE_DAYS, allow_null=True, required=False
    )
    allowed_scopes = serializers.ListField(
        child=serializers.CharField(max_length=100), max_length=MAX_ENTRIES, required=False
    )
    console_networks = serializers.ListField(
        child=NetworkField(), max_length=MAX_ENTRIES, required=False
    )
