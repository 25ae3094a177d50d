"""Shapes of registering and signing in."""

from typing import Any

from rest_framework import serializers

from accounts.api.serializers.people import UserSerializer
from accounts.hashers import PASSWORD_MAX_LENGTH
from accounts.models import validate_full_name
from accounts.services.sign_in import Entered, Pending
from config.common.fields import StrictSerializer

_TOKEN_MAX_LENGTH = 4096


class PasswordField(serializers.CharField):
    """A password as it was typed; spaces at its ends belong to it."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs |= {"write_only": True, "style": {"input_type": "password"}}
        super().__init__(trim_whitespace=False, max_length=PASSWORD_MAX_LENGTH, **kwargs)


class RegisterSerializer(StrictSerializer):
    """What an account needs."""

    email = serializers.EmailField(max_length=254)
    password = PasswordField(help_text="At least 10 characters, and not a common one.")
    full_name = serializers.CharField(
        max_length=150,
        required=False,
        allow_blank=True,
        default="",
        validators=[validate_full_name],
    )


class EmailSerializer(StrictSerializer):
    """An address."""

    email = serializers.EmailField(max_length=254)


class VerifyEmailSerializer(StrictSerializer):
    """The token of a mailed link."""

    token = serializers.CharField(max_length=100)


class LoginSerializer(StrictSerializer):
    """An address and its password."""

    email = serializers.CharField(max_length=254)
    password = PasswordField()
    device_token = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=100,
        help_text="What the client got when it was trusted: spares it the second factor.",
    )


class RefreshSerializer(StrictSerializer):
    """A refresh token, good for one exchange."""

    refresh = serializers.CharField(max_length=_TOKEN_MAX_LENGTH)


class DetailSerializer(serializers.Serializer[Any]):
    """One sentence."""

    detail = serializers.CharField()


class TokenPairSerializer(serializers.Serializer[Any]):
    """An access token for ten minutes and a refresh token for the next pair."""

    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)
    expires_in = serializers.IntegerField(
        read_only=True, help_text="Seconds that the access token is good for."
    )


class SignedInSerializer(TokenPairSerializer):
    """A pair of tokens and the person it speaks for."""

    user = UserSerializer(read_only=True)
    # Not called read-only: a member that may be missing would be described as always there.
    device_token = serializers.CharField(
        required=False,
        help_text="Only where `trust_device` was asked for: send it with the next sign-ins.",
    )

    @classmethod
    def of(cls, entered: Entered) -> dict[str, Any]:
        """Return the answer to a sign-in that is complete."""
        shown: dict[str, Any] = dict(cls(entered.pair).data)
        return shown | ({"device_token": entered.device_token} if entered.is_trusted else {})


class TwoFactorRequiredSerializer(serializers.Serializer[Any]):
    """The password was right; a second factor has to follow within five minutes."""

    two_factor_required = serializers.BooleanField(read_only=True, default=True)
    two_factor_token = serializers.CharField(read_only=True, source="token")
    methods = serializers.ListField(
        read_only=True, child=serializers.ChoiceField(["totp", "passkey", "recovery_code"])
    )

    @classmethod
    def of(cls, pending: Pending) -> dict[str, Any]:
        """Return the answer to a sign-in that waits."""
        return {
            "two_factor_required": True,
            "two_factor_token": pending.token,
            "methods": pending.methods,
        }
