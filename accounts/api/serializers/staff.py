"""Shapes of people as staff sees and changes them."""

from rest_framework import serializers

from accounts.api.serializers.people import UpdateProfileSerializer, UserSerializer
from accounts.models import PlatformRole, User, UserStatus
from config.common import reasons
from config.common.fields import StrictSerializer


class ListUsersSerializer(StrictSerializer):
    """Which people are asked for."""

    q = serializers.CharField(
        required=False,
        max_length=254,
        help_text="Part of the address or of the name, in any case.",
    )
    role = serializers.ChoiceField(choices=PlatformRole.choices, required=False)
    status = serializers.ChoiceField(choices=UserStatus.choices, required=False)
    verified = serializers.BooleanField(required=False, help_text="Whether the address is proved.")
    two_factor = serializers.BooleanField(
        required=False, help_text="Whether they have an authenticator app or a passkey."
    )
    since = serializers.DateTimeField(required=False, help_text="Registered then or later.")
    until = serializers.DateTimeField(required=False, help_text="Registered before.")
    seen_since = serializers.DateTimeField(
        required=False, help_text="Signed in last then or later."
    )


class StaffUserSerializer(UserSerializer):
    """A person as staff sees them."""

    two_factor = serializers.BooleanField(
        read_only=True, help_text="Whether they have an authenticator app or a passkey."
    )

    class Meta:
        model = User
        fields = (
            *UserSerializer.Meta.fields,
            "two_factor",
            "suspended_reason",
            "suspended_until",
            "last_login_ip",
            "login_count",
        )
        read_only_fields = fields


class UpdateUserSerializer(UpdateProfileSerializer):
    """What staff may change of a person; what is left out stays."""

    role = serializers.ChoiceField(
        choices=PlatformRole.choices, required=False, help_text="By super admins only."
    )
    email_verified = serializers.BooleanField(
        required=False, help_text="True vouches for the address; it cannot be taken back."
    )

    def validate_email_verified(self, value: bool) -> bool:  # noqa: FBT001  DRF's signature
        """Refuse to unprove an address."""
        if not value:
            raise serializers.ValidationError(
                "An address that is proved stays proved; send true, or leave it out.",
                code="email_verified",
            )
        return value


class SuspendSerializer(StrictSerializer):
    """Why an account is stopped, and until when."""

    reason = serializers.CharField(
        max_length=reasons.MAX_LENGTH,
        help_text="For the audit log; the person finds it in a copy of their data.",
    )
    until = serializers.DateTimeField(
        required=False,
        allow_null=True,
        default=None,
        help_text="When it is lifted by itself; null or left out: not before staff lifts it.",
    )
