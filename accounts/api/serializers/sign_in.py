"""Shapes of registering and signing in."""

from typing import Any

from rest_framework import serializers

from accounts.api.serializers.people import UserSerializer
from accounts.forms import PASSWORD_MAX_LENGTH
from accounts.models import validate_full_name
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
