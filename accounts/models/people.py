"""People: who they are and what they are to the platform."""

import re
from datetime import datetime
from functools import cache
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from accounts.hashers import IMPORTED
from accounts.roles import STAFF_ROLES, PlatformPermission, PlatformRoleName, may
from config.common import context, mail_addresses, names, reasons
from config.common.models import RATE_IS_COMPLETE, TimeStamped, Versioned

# Where staff act for somebody else, besides the back office.
STAFF_API = "/api/v1/admin/"

# Control characters, and what would turn a name in our mails into somebody else's link.
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f<>\\/:@]|www\.", re.IGNORECASE)


def validate_full_name(name: str) -> None:
    """Refuse links, and characters that nobody sees or that turn the line: names are printed in mails."""
    if _NOT_IN_NAMES.search(name) or (name and names.fault_of(name)):
        raise ValidationError("A name cannot hold links or control characters.", code="full_name")


# Names in the time zone database that mean nowhere, or wherever the server is.
_NO_PLACES = {"Factory", "localtime"}


@cache
def time_zones() -> frozenset[str]:
    """Return the names of the IANA time zone database that are those of a zone."""
    return frozenset(available_timezones() - _NO_PLACES)


def validate_time_zone(name: str) -> None:
    """Refuse what the IANA time zone database does not know."""
    if name not in time_zones():
        raise ValidationError("This is not a time zone such as Europe/Paris.", code="time_zone")


class PlatformRole(models.TextChoices):
    """What a person is to the platform; what each role may do is in `accounts.roles`."""

    SUPER_ADMIN = PlatformRoleName.SUPER_ADMIN, "Super admin"
    ADMIN = PlatformRoleName.ADMIN, "Admin"
    USER = PlatformRoleName.USER, "User"
    VIEWER = PlatformRoleName.VIEWER, "Viewer"


class UserStatus(models.TextChoices):
    """Whether a person may sign in."""

    ACTIVE = "ACTIVE", "Active"
    INACTIVE = "INACTIVE", "Inactive"
    SUSPENDED = "SUSPENDED", "Suspended"
    DELETED = "DELETED", "Deleted"


class UserManager(BaseUserManager["User"]):
    """Creates people. E-mail addresses are kept in one spelling, so that no mailbox has two accounts."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """Return the one spelling of an address: trimmed, in lower case, its domain as the DNS spells it."""
        return mail_addresses.spelling(email or "")

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find the person who signs in with this address."""
        return self.get(email=self.normalize_email(username))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a person; without a password nobody can sign in as them."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str, **fields: Any) -> "User":
        """Create a SUPER_ADMIN, as Django's own command expects it."""
        return self.create_user(email, password, role=PlatformRole.SUPER_ADMIN, **fields)


class User(AbstractBaseUser, PermissionsMixin, TimeStamped, Versioned):
    """A person. Signs in by e-mail; `session_version` rises whenever every session must end."""

    email = models.EmailField(max_length=254, unique=True)
    full_name = models.CharField(max_length=150, blank=True)
    role = models.CharField(max_length=11, choices=PlatformRole, default=PlatformRole.USER)
    status = models.CharField(max_length=9, choices=UserStatus, default=UserStatus.ACTIVE)
    email_verified_at = models.DateTimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    avatar = models.CharField(max_length=200, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    # Nothing gives or takes these before there is billing: credits that count are those of keys.
    credits_micro = models.BigIntegerField(default=0)
    rate_limit = models.PositiveIntegerField(null=True, blank=True)
    rate_per_seconds = models.PositiveIntegerField(null=True, blank=True)
    rate_burst = models.PositiveIntegerField(null=True, blank=True)
    session_version = models.PositiveIntegerField(default=1, editable=False)
    last_login_ip = models.GenericIPAddressField(null=True, blank=True)
    last_login_user_agent = models.CharField(max_length=300, blank=True)
    login_count = models.PositiveIntegerField(default=0)
    suspended_reason = models.CharField(max_length=reasons.MAX_LENGTH, blank=True)
    suspended_until = models.DateTimeField(null=True, blank=True, editable=False)
    deletion_requested_at = models.DateTimeField(null=True, blank=True, editable=False)
    deletion_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    deletion_reminded_at = models.DateTimeField(null=True, blank=True, editable=False)

    # Not stored: set by whoever finds the session behind a request.
    second_factor_at: datetime | None = None
    session_id: int | None = None

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(name="user_email_lower", condition=Q(email=Lower(F("email")))),
            models.CheckConstraint(name="user_rate_complete", condition=RATE_IS_COMPLETE),
            models.CheckConstraint(
                name="user_credits_not_negative", condition=Q(credits_micro__gte=0)
            ),
            models.CheckConstraint(
                name="user_deletion_complete",
                condition=Q(deletion_requested_at=None, deletion_due_at=None)
                | Q(deletion_requested_at__isnull=False, deletion_due_at__isnull=False),
            ),
            models.CheckConstraint(
                name="user_suspended_until_while_suspended",
                condition=Q(suspended_until=None) | Q(status="SUSPENDED"),
            ),
        ]
        indexes = [
            models.Index(
                fields=["suspended_until"],
                name="user_suspended_until",
                condition=Q(suspended_until__isnull=False),
            ),
            models.Index(fields=["-created_at", "-id"], name="user_by_created_at"),
            # Hashes as they came from elsewhere, until their owners sign in.
            models.Index(
                fields=["id"], name="user_imported_hash", condition=Q(password__startswith=IMPORTED)
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        """Whether the person may sign in at all; Django's own checks ask this."""
        return self.status == UserStatus.ACTIVE

    @property
    def is_staff(self) -> bool:
        """Whether the person may enter the back office."""
        return self.role in STAFF_ROLES

    @property
    def is_superuser(self) -> bool:  # type: ignore[override]
        """Whether the person may do everything in the back office; the role is the only place that says so."""
        return self.role == PlatformRole.SUPER_ADMIN

    @property
    def is_verified_email(self) -> bool:
        """Whether the person proved to own the address."""
        return self.email_verified_at is not None

    def is_verified(self) -> bool:
        """Whether the session behind this request has given a second factor; django-otp's own decorators ask this."""
        return self.second_factor_at is not None

    def may(self, permission: PlatformPermission) -> bool:
        """Whether the platform role grants the permission."""
        return self.is_active and may(self.role, permission)

    def as_actor(self, path: str = "") -> context.Actor:
        """Return how the audit log names the person: as staff, who come through a door of their own, or as anybody."""
        is_at_work = self.is_staff and path.startswith(STAFF_API)
        return context.Actor(type="staff" if is_at_work else "user", id=self.pk, label=self.email)

    def get_short_name(self) -> str:
        """What to call the person in a greeting."""
        return self.full_name.split(" ")[0] if self.full_name else self.email.split("@")[0]
