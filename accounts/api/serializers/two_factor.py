"""Shapes of second factors."""

from typing import Any

from rest_framework import serializers

from accounts.api.serializers.sign_in import PasswordField
from config.common.fields import StrictSerializer

_CODE_MAX_LENGTH = 64
_TOKEN_MAX_LENGTH = 4096


class CodeField(serializers.CharField):
    """Six digits of an authenticator app, or a recovery code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=_CODE_MAX_LENGTH, **kwargs)


class TwoFactorStatusSerializer(serializers.Serializer[Any]):
    """Whether a password alone is enough for a person, and what they can give besides."""

    enabled = serializers.BooleanField(help_text="Whether a second factor is asked for.")
    methods = serializers.ListField(
        child=serializers.ChoiceField(["totp", "passkey", "recovery_code"])
    )
    recovery_codes_left = serializers.IntegerField()


class EnrolmentSerializer(serializers.Serializer[Any]):
    """What an authenticator app is set up with."""

    secret = serializers.CharField(help_text="The seed in Base32, for apps that cannot scan.")
    otpauth_uri = serializers.CharField()
    qr_svg = serializers.CharField(help_text="The same URI as a QR code, an SVG document.")


class VerifyCodeSerializer(StrictSerializer):
    """A code; with the token of a sign-in that waits for it, it completes that sign-in."""

    code = CodeField()
    two_factor_token = serializers.CharField(required=False, max_length=_TOKEN_MAX_LENGTH)
    trust_device = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Ask no second factor of this client for 30 days; the answer has its `device_token`.",
    )


class PasswordAndCodeSerializer(StrictSerializer):
    """The password and a code, so that neither a stolen session nor a stolen telephone is enough."""

    password = PasswordField()
    code = CodeField()


class RecoveryCodesSerializer(serializers.Serializer[Any]):
    """Ten codes, each good once, shown this once."""

    recovery_codes = serializers.ListField(child=serializers.CharField())
