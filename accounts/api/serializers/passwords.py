"""Shapes of setting a new password."""

from typing import Any

from rest_framework import serializers

from accounts.api.serializers.sign_in import PasswordField
from config.common.fields import StrictSerializer


class ResetPasswordSerializer(StrictSerializer):
    """The token of a mailed link and the password to be."""

    token = serializers.CharField(max_length=100)
    password = PasswordField(help_text="At least 10 characters, and not a common one.")


class ChangePasswordSerializer(StrictSerializer):
    """The present password and the one to be."""

    current_password = PasswordField()
    new_password = PasswordField(help_text="At least 10 characters, and not a common one.")


class PasswordChangedSerializer(serializers.Serializer[Any]):
    """What goes on: access tokens handed out before have stopped, the session's refresh token has not."""

    access = serializers.CharField(
        allow_null=True, help_text="A new access token; null where a cookie keeps the session."
    )
    expires_in = serializers.IntegerField(
        allow_null=True, help_text="Seconds that the access token is good for."
    )
