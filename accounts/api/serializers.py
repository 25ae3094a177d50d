"""Shapes of people and sessions in and out."""

from typing import Any

import orjson
from rest_framework import serializers

from accounts.forms import PASSWORD_MAX_LENGTH
from accounts.models import Session, User, validate_full_name, validate_time_zone
from config.common.fields import StrictSerializer

METADATA_MAX_BYTES = 10_000
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


class UserSerializer(serializers.ModelSerializer[User]):
    """A person as they see themselves."""

    email_verified = serializers.BooleanField(source="is_verified_email", read_only=True)
    last_login_at = serializers.DateTimeField(source="last_login", read_only=True, allow_null=True)
    metadata = serializers.DictField(read_only=True)

    class Meta:
        model = User
        fields = (
            "id",
            "email",
            "email_verified",
            "email_verified_at",
            "full_name",
            "role",
            "status",
            "time_zone",
            "metadata",
            "last_login_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


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


class UpdateProfileSerializer(StrictSerializer):
    """What a person may change about themselves; what is left out stays."""

    full_name = serializers.CharField(
        max_length=150, required=False, allow_blank=True, validators=[validate_full_name]
    )
    time_zone = serializers.CharField(
        max_length=64, required=False, validators=[validate_time_zone]
    )
    metadata = serializers.DictField(
        required=False, help_text=f"Any JSON object of at most {METADATA_MAX_BYTES:,} bytes."
    )

    def validate_metadata(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Refuse more than the row should carry."""
        if len(orjson.dumps(metadata)) > METADATA_MAX_BYTES:
            message = f"The metadata may have {METADATA_MAX_BYTES:,} bytes as JSON."
            raise serializers.ValidationError(message, code="too_large")
        return metadata


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A device where the person is signed in."""

    is_current = serializers.SerializerMethodField(
        help_text="Whether this request was made with the session."
    )

    class Meta:
        model = Session
        fields = (
            "id",
            "kind",
            "ip",
            "user_agent",
            "authenticated_at",
            "last_used_at",
            "expires_at",
            "created_at",
            "is_current",
        )
        read_only_fields = fields

    def get_is_current(self, session: Session) -> bool:
        """Compare with the session of the request."""
        return bool(session.pk == self.context["current_id"])
