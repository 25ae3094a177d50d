"""The sections of an export that accounts itself knows."""

from collections.abc import Iterator

from accounts import avatars
from accounts.models import TotpDevice, User
from accounts.services.personal_data import Row, contribute
from config.common.models import OutgoingMail

_PROFILE = (
    "id", "email", "full_name", "role", "status", "email_verified_at", "time_zone", "metadata", "credits_micro",
    "rate_limit", "rate_per_seconds", "rate_burst", "last_login", "last_login_ip", "last_login_user_agent",
    "login_count", "suspended_reason", "suspended_until", "deletion_requested_at", "deletion_due_at", "created_at", "updated_at",
)  # fmt: skip
_SESSION = (
    "id", "kind", "method", "ip", "user_agent", "authenticated_at", "last_used_at", "expires_at", "ended_at",
    "ended_reason", "created_at",
)  # fmt: skip
_DEVICE = ("id", "ip", "user_agent", "last_used_at", "trusted_until", "created_at")
_PASSKEY = ("id", "name", "aaguid", "transports", "is_synced", "last_used_at", "created_at")
_EMAIL_CHANGE = (
    "id", "old_email", "new_email", "expires_at", "old_confirmed_at", "new_confirmed_at", "completed_at",
    "canceled_at", "created_at",
)  # fmt: skip
_LINK = ("id", "purpose", "email", "expires_at", "used_at", "created_at")
_EXPORT = ("id", "status", "size_bytes", "expires_at", "created_at")
_NOTICE = ("id", "kind", "title", "body", "link", "created_at", "read_at")
_MAIL = ("kind", "subject", "recipient", "sent_at", "created_at")


def register() -> None:
    """Tell the registry; called once when the app starts."""
    contribute("profile", "Who you are to us, and your settings.", _profile)
    contribute("sessions", "Where you are, and were, signed in.", _sessions)
    contribute("devices", "Devices that were seen with your account.", _devices)
    contribute("two_factor", "What you have besides a password, without any secret.", _two_factor)
    contribute("addresses", "Changes of your address, and links that were mailed.", _addresses)
    contribute("mails", "What was mailed to you in the last 90 days, without the text.", _mails)
    contribute("notices", "What you were told in the portal.", _notices)
    contribute("exports", "Copies of your data that you asked for.", _exports)


def _profile(user: User) -> Iterator[Row]:
    for row in User.objects.filter(pk=user.pk).values(*_PROFILE):
        yield {**row, "avatar_url": avatars.url_of(user.avatar)}


def _sessions(user: User) -> Iterator[Row]:
    yield from user.sessions.order_by("pk").values(*_SESSION).iterator()


def _devices(user: User) -> Iterator[Row]:
    yield from user.devices.order_by("pk").values(*_DEVICE).iterator()


def _two_factor(user: User) -> Iterator[Row]:
    app = TotpDevice.objects.filter(user_id=user.pk, confirmed=True)
    yield {
        "authenticator_app": app.exists(),
        "recovery_codes_left": user.recovery_codes.filter(used_at=None).count(),
    }
    yield from ({"passkey": row} for row in user.passkeys.order_by("pk").values(*_PASSKEY))


def _addresses(user: User) -> Iterator[Row]:
    changes = user.email_changes.order_by("pk").values(*_EMAIL_CHANGE)
    yield from ({"change": row} for row in changes)
    yield from ({"link": row} for row in user.email_tokens.order_by("pk").values(*_LINK))


def _mails(user: User) -> Iterator[Row]:
    sent = OutgoingMail.objects.filter(recipient=user.email).order_by("pk")
    yield from sent.values(*_MAIL).iterator()


def _notices(user: User) -> Iterator[Row]:
    yield from user.notices.order_by("pk").values(*_NOTICE).iterator()


def _exports(user: User) -> Iterator[Row]:
    yield from user.exports.order_by("pk").values(*_EXPORT)
