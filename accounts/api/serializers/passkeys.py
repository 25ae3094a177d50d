"""Shapes of passkeys, of the questions to a device and of its answers (WebAuthn Level 3, JSON forms)."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers.sign_in import PasswordField
from accounts.models import Passkey, validate_full_name
from accounts.services.passkeys import Added
from config.common.fields import StrictSerializer

_TEXT = {"type": "string"}
_DESCRIPTORS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "type"],
        "properties": {
            "id": _TEXT,
            "type": _TEXT,
            "transports": {"type": "array", "items": _TEXT},
        },
    },
}
CREATION_OPTIONS = {
    "type": "object",
    "description": "For `PublicKeyCredential.parseCreationOptionsFromJSON`, then `navigator.credentials.create`.",
    "required": ["rp", "user", "challenge", "pubKeyCredParams", "timeout", "excludeCredentials"],
    "properties": {
        "rp": {"type": "object"},
        "user": {"type": "object"},
        "challenge": _TEXT,
        "pubKeyCredParams": {"type": "array", "items": {"type": "object"}},
        "timeout": {"type": "integer"},
        "excludeCredentials": _DESCRIPTORS,
        "authenticatorSelection": {"type": "object"},
        "attestation": _TEXT,
    },
}
REQUEST_OPTIONS = {
    "type": "object",
    "description": "For `PublicKeyCredential.parseRequestOptionsFromJSON`, then `navigator.credentials.get`.",
    "required": ["challenge", "timeout", "rpId", "allowCredentials", "userVerification"],
    "properties": {
        "challenge": _TEXT,
        "timeout": {"type": "integer"},
        "rpId": _TEXT,
        "allowCredentials": _DESCRIPTORS,
        "userVerification": _TEXT,
    },
}
_CREDENTIAL = {
    "type": "object",
    "description": "What `credential.toJSON()` returns in the browser.",
    "required": ["id", "rawId", "response", "type"],
    "properties": {
        "id": _TEXT,
        "rawId": _TEXT,
        "response": {"type": "object"},
        "type": {"type": "string", "enum": ["public-key"]},
    },
    "additionalProperties": True,
}


@extend_schema_field(_CREDENTIAL)
class CredentialField(serializers.DictField):
    """What a device answered, as the browser writes it down; it is checked where it is used."""


class PasskeySerializer(serializers.ModelSerializer[Passkey]):
    """A passkey as its owner sees it."""

    class Meta:
        model = Passkey
        fields: tuple[str, ...] = (
            "id",
            "name",
            "is_synced",
            "transports",
            "last_used_at",
            "created_at",
        )
        read_only_fields = fields
        extra_kwargs = {
            "is_synced": {"help_text": "Whether a password manager keeps copies of it."},
            "transports": {"help_text": "How a browser reaches the device."},
        }


class AddedPasskeySerializer(PasskeySerializer):
    """A new passkey, with recovery codes if it is the first second factor."""

    recovery_codes = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="Ten codes that are shown this once; none if there was a second factor before.",
    )

    class Meta(PasskeySerializer.Meta):
        fields = (*PasskeySerializer.Meta.fields, "recovery_codes")
        read_only_fields = fields

    @classmethod
    def of(cls, added: Added) -> dict[str, Any]:
        """Return the answer to an addition."""
        shown: dict[str, Any] = dict(PasskeySerializer(added.passkey).data)
        return {**shown, "recovery_codes": added.recovery_codes}


class NameField(serializers.CharField):
    """What somebody calls a passkey: it is printed in mails."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=80, validators=[validate_full_name], **kwargs)


class AddPasskeySerializer(StrictSerializer):
    """A device's answer, and what to call it."""

    credential = CredentialField()
    name = NameField(required=False, default="", allow_blank=True)


class RenamePasskeySerializer(StrictSerializer):
    """What to call a passkey."""

    name = NameField()


class DeviceCredentialSerializer(StrictSerializer):
    """A device's answer, and by which token the client is known."""

    credential = CredentialField()
    device_token = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=100,
        help_text="What the client got when it was trusted.",
    )


class PendingSerializer(StrictSerializer):
    """The token of a sign-in whose password was right."""

    two_factor_token = serializers.CharField(max_length=4096)


class PendingCredentialSerializer(PendingSerializer):
    """The token of a sign-in whose password was right, and a device's answer."""

    credential = CredentialField()
    trust_device = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Whether to spare this client the second factor for 30 days.",
    )


class ReauthenticateSerializer(StrictSerializer):
    """Exactly one proof of who is there."""

    password = PasswordField(required=False)
    code = serializers.CharField(
        required=False,
        max_length=64,
        help_text="From the authenticator app, or a recovery code.",
    )
    credential = CredentialField(
        required=False,
        help_text="A passkey's answer to `POST /api/v1/auth/reauthenticate/options`.",
    )
