"""What a person has besides a password: an authenticator app, recovery codes, passkeys."""

import re
import time

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django_otp.models import Device as OtpDevice
from django_otp.models import ThrottlingMixin, TimestampMixin
from django_otp.oath import TOTP

from accounts.models.people import User
from config.common import crypto
from config.common.columns import EncryptedTextField
from config.common.models import TimeStamped

SEED_PURPOSE = "totp.seed"
# Steps of 30 seconds before and after the present one, for clocks that are a little off.
TOLERANCE = 1
_CODE = re.compile(r"[0-9]{6}")


class TotpDevice(TimestampMixin, ThrottlingMixin, OtpDevice):
    """A person's authenticator app (RFC 6238). The seed is encrypted at rest; `last_step` refuses a code's second use.

    It counts as a second factor once `confirmed` by a first code.
    """

    seed_encrypted = EncryptedTextField(purpose=SEED_PURPOSE)
    last_step = models.BigIntegerField(default=-1)

    class Meta:
        verbose_name = "authenticator app"
        constraints = [models.UniqueConstraint(name="totpdevice_of_user", fields=["user"])]

    def __str__(self) -> str:
        return f"authenticator app of user {self.user_id}"

    @property
    def seed(self) -> bytes:
        """The secret that the app knows, too."""
        return bytes.fromhex(crypto.decrypt(self.seed_encrypted, purpose=SEED_PURPOSE))

    def verify_token(self, token: str) -> bool:
        """Whether the code is one of the present ones and was not used before; it is used up by that.

        Racy on its own: always ask `django_otp.verify_token`, which locks the row first. How often may be guessed is
        counted by `services.factors`, for recovery codes and for every door alike; here is only noted how it went.
        """
        totp = TOTP(self.seed)  # type: ignore[no-untyped-call]
        totp.time = time.time()
        earliest = self.last_step + 1
        is_code = _CODE.fullmatch(token) is not None
        if not is_code or not totp.verify(int(token), TOLERANCE, earliest):  # type: ignore[no-untyped-call]
            self.throttle_increment()  # type: ignore[no-untyped-call]
            return False
        self.last_step = totp.t()  # type: ignore[no-untyped-call]
        self.throttle_reset(commit=False)  # type: ignore[no-untyped-call]
        self.set_last_used_timestamp()  # type: ignore[no-untyped-call]
        return True

    def get_throttle_factor(self) -> int:
        """No delays of the device's own; see `verify_token`."""
        return 0


class RecoveryCode(models.Model):
    """One of ten codes for the day on which the telephone is lost. Only its digest is stored; it is good once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.BinaryField(max_length=32)
    used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="recoverycode_of_user", fields=["user", "digest"]),
        ]

    def __str__(self) -> str:
        return f"recovery code {self.pk} of user {self.user_id}"


class Passkey(TimeStamped):
    """A WebAuthn credential: proves who the person is by a signature of their own device."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="passkeys")
    name = models.CharField(max_length=80)
    credential_id = models.BinaryField(max_length=1023, unique=True)
    public_key = models.BinaryField(max_length=1023)
    sign_count = models.BigIntegerField(default=0)
    aaguid = models.UUIDField()
    transports = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    is_synced = models.BooleanField(default=False)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"passkey {self.name} of user {self.user_id}"


class PasskeyChallenge(models.Model):
    """A random number that an authenticator signs: for five minutes, and once. Nobody's while it is not known whose."""

    class Purpose(models.TextChoices):
        """What the signature is asked for."""

        REGISTER = "REGISTER", "Add a passkey"
        SIGN_IN = "SIGN_IN", "Sign in with a passkey alone"
        SECOND_FACTOR = "SECOND_FACTOR", "Second factor of a sign-in"
        REAUTHENTICATE = "REAUTHENTICATE", "Confirm who is there"

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="passkey_challenges"
    )
    purpose = models.CharField(max_length=14, choices=Purpose)
    challenge = models.BinaryField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="passkeychallenge_of_someone",
                condition=Q(purpose="SIGN_IN") | Q(user__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"challenge {self.pk} to {self.purpose}"
