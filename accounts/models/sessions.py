"""Where people are signed in, on which devices, and how often someone tried."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models.people import User
from config.common.models import TimeStamped


class Device(TimeStamped):
    """A browser or client in which a person has signed in before; it shows so with a long random token.

    While `trusted_until` lies ahead, a password is enough there even if the person has a second factor.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices")
    digest = models.BinaryField(max_length=32)
    ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    last_used_at = models.DateTimeField()
    trusted_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="device_of_user", fields=["user", "digest"]),
        ]

    def __str__(self) -> str:
        return f"device {self.pk} of user {self.user_id}"


class Session(TimeStamped):
    """One signed-in device. An API session is a family of refresh tokens of which only the newest digest is good."""

    class Kind(models.TextChoices):
        """What keeps the person signed in: tokens, or the portal's cookie."""

        API = "API", "API"
        PORTAL = "PORTAL", "Portal"

    class Method(models.TextChoices):
        """How the person proved who they are when the session was opened."""

        PASSWORD = "PASSWORD", "Password"
        TOTP = "TOTP", "Password and code"
        RECOVERY_CODE = "RECOVERY_CODE", "Password and recovery code"
        TRUSTED_DEVICE = "TRUSTED_DEVICE", "Password on a trusted device"
        SECURITY_KEY = "SECURITY_KEY", "Password and passkey"
        PASSKEY = "PASSKEY", "Passkey"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    kind = models.CharField(max_length=6, choices=Kind)
    method = models.CharField(max_length=14, choices=Method, default=Method.PASSWORD)
    device = models.ForeignKey(
        Device, on_delete=models.SET_NULL, null=True, blank=True, related_name="sessions"
    )
    refresh_digest = models.BinaryField(max_length=32, blank=True, default=b"")
    ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    authenticated_at = models.DateTimeField()
    second_factor_at = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_reason = models.CharField(max_length=20, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["user", "expires_at"],
                name="session_by_user",
                condition=Q(ended_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"session {self.pk} of user {self.user_id}"


class PendingSignIn(models.Model):
    """A sign-in whose password was right and whose second factor is awaited. Good for five minutes, and once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="pending_sign_ins")
    session_version = models.PositiveIntegerField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"sign-in of user {self.user_id} waiting for a second factor"


class LoginGuard(models.Model):
    """Recent tries of one account or address. Kept in PostgreSQL, so that losing Redis forgives nobody."""

    subject = models.CharField(max_length=64, unique=True)
    tried_at = ArrayField(models.DateTimeField())
    locked_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{len(self.tried_at)} tries of {self.subject[:12]}"
