"""Shapes of people and their sessions."""

from rest_framework import serializers

from accounts import avatars
from accounts.api.serializers.devices import DEVICE
from accounts.models import Session, User, validate_full_name, validate_time_zone
from config.common.expansion import Expanded
from config.common.fields import MetadataField, StrictSerializer


class UserSerializer(serializers.ModelSerializer[User]):
    """A person as they see themselves."""

    email_verified = serializers.BooleanField(source="is_verified_email", read_only=True)
    last_login_at = serializers.DateTimeField(source="last_login", read_only=True, allow_null=True)
    metadata = serializers.DictField(read_only=True)
    avatar_url = serializers.SerializerMethodField(
        help_text="A square WebP; null without a picture."
    )

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
            "avatar_url",
            "deletion_due_at",
            "last_login_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_avatar_url(self, user: User) -> str | None:
        """Return where the picture is served."""
        return avatars.url_of(user.avatar)


class UpdateProfileSerializer(StrictSerializer):
    """What a person may change about themselves; what is left out stays."""

    full_name = serializers.CharField(
        max_length=150, required=False, allow_blank=True, validators=[validate_full_name]
    )
    time_zone = serializers.CharField(
        max_length=64, required=False, validators=[validate_time_zone]
    )
    metadata = MetadataField(required=False)


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A device where the person is signed in."""

    is_current = serializers.SerializerMethodField(
        help_text="Whether this request was made with the session."
    )
    expanded = Expanded(device=DEVICE)

    class Meta:
        model = Session
        fields = (
            "id",
            "kind",
            "method",
            "second_factor_at",
            "device_id",
            "ip",
            "user_agent",
            "authenticated_at",
            "last_used_at",
            "expires_at",
            "created_at",
            "is_current",
            "expanded",
        )
        read_only_fields = fields

    def get_is_current(self, session: Session) -> bool:
        """Compare with the session of the request."""
        return bool(session.pk == self.context["current_id"])
