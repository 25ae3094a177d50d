"""Shapes of what a person may do with their account: picture, address, copies of their data, farewell."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers.sign_in import PasswordField
from accounts.models import DataExport
from config.common.fields import StrictSerializer


@extend_schema_field(OpenApiTypes.BINARY)
class BytesField(serializers.FileField):
    """A file in the body."""


class AvatarSerializer(StrictSerializer):
    """A picture: PNG, JPEG or WebP, at most 5 MB and 16 megapixels."""

    file = BytesField(max_length=255)


class ChangeEmailSerializer(StrictSerializer):
    """The address to be, and the password."""

    email = serializers.EmailField(max_length=254)
    password = PasswordField()


class EmailTokenSerializer(StrictSerializer):
    """The token of a mailed link."""

    token = serializers.CharField(max_length=100)


class EmailChangeSerializer(serializers.Serializer[Any]):
    """A wish to use another address, and which of the two addresses have agreed."""

    new_email = serializers.EmailField(read_only=True)
    old_confirmed_at = serializers.DateTimeField(read_only=True, allow_null=True)
    new_confirmed_at = serializers.DateTimeField(read_only=True, allow_null=True)
    expires_at = serializers.DateTimeField(read_only=True)


class OwnAddressSerializer(serializers.Serializer[Any]):
    """The address that a person signs in with, and the one they wish to use."""

    email = serializers.EmailField(read_only=True)
    pending = EmailChangeSerializer(read_only=True, allow_null=True)


class EmailChangeStepSerializer(serializers.Serializer[Any]):
    """How far a change of address is."""

    is_complete = serializers.BooleanField(
        read_only=True, help_text="False while the other address has not agreed yet."
    )


class DataExportSerializer(serializers.ModelSerializer[DataExport]):
    """A copy of a person's data."""

    class Meta:
        model = DataExport
        fields = ("id", "status", "progress", "size_bytes", "expires_at", "created_at")
        read_only_fields = fields


class DeleteAccountSerializer(StrictSerializer):
    """The password."""

    password = PasswordField()


class DeletionSerializer(serializers.Serializer[Any]):
    """When the account will be erased."""

    deletion_due_at = serializers.DateTimeField(read_only=True)
