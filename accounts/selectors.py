"""Questions about people and their sessions."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import BigIntegerField, DateTimeField, Exists, Max, OuterRef, Q, QuerySet

from accounts.hashers import IMPORTED
from accounts.models import (
    DataExport,
    Device,
    EmailChange,
    LoginGuard,
    Notice,
    Passkey,
    Session,
    TotpDevice,
    User,
)
from accounts.passkeys import KnownCredential
from accounts.tokens import AccessClaims
from config.common import crypto
from config.common.errors import Conflict, NotFound
from config.common.ids import id_in
from config.common.prepared import Given, Prepared

# What may be spelled in another way: letters beyond ASCII, and what claims to be their encoding.
_OTHER_SPELLING = r"[^\x01-\x7f]|@(.*\.)?xn--"


def people(
    *,
    q: str = "",
    role: str = "",
    status: str = "",
    verified: bool | None = None,
    two_factor: bool | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    seen_since: datetime | None = None,
) -> QuerySet[User]:
    """Return people as staff asks for them, each with whether they have a second factor."""
    app = TotpDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
    passkey = Passkey.objects.filter(user=OuterRef("pk"))
    found = User.objects.annotate(two_factor=Exists(app) | Exists(passkey))
    if q:
        address = User.objects.normalize_email(q)
        found = found.filter(Q(email__icontains=address) | Q(full_name__icontains=q))
    exact = {
        "role": role or None,
        "status": status or None,
        "email_verified_at__isnull": None if verified is None else not verified,
        "two_factor": two_factor,
        "created_at__gte": since,
        "created_at__lt": until,
        "last_login__gte": seen_since,
    }
    return found.filter(**{name: value for name, value in exact.items() if value is not None})


def user_by_email(email: str) -> User | None:
    """Return the person with this address, whatever their status."""
    return User.objects.filter(email=User.objects.normalize_email(email)).first()


class SeveralPeople(Conflict):
    """Several accounts are meant; only an id tells them apart."""

    code = "several_people"
    title = "Several accounts are meant"
    fix = "Give the id of the one that you mean."


def person_called(text: str) -> User:
    """Return whom an operator means: by an id, or by an address in any spelling.

    Raises NotFound, and SeveralPeople where accounts that are older than the one spelling share the mailbox.
    """
    name = text.strip()
    pk = id_in(name)
    if pk is not None:
        found = list(User.objects.filter(pk=pk))
    else:
        spellings = {name.lower(), User.objects.normalize_email(name)}
        found = list(User.objects.filter(email__in=spellings).order_by("pk"))
    if len(found) > 1:
        named = ", ".join(f"{one.pk} ({one.email})" for one in found)
        raise SeveralPeople(f"Several accounts share that mailbox: {named}. Name one by its id.")
    if not found:
        raise NotFound(f"Nobody has the address {name}.")
    return found[0]


def sharing_mailboxes() -> list[tuple[User, User | None]]:
    """Return the accounts that nobody signs in to by their address, each with the one that has the mailbox's address.

    They were opened before addresses had one spelling, and another account of the same mailbox has it.
    """
    suspect = User.objects.filter(email__regex=_OTHER_SPELLING).order_by("pk")
    spelled = {one: User.objects.normalize_email(one.email) for one in suspect}
    left = {one: email for one, email in spelled.items() if email != one.email}
    holders = {one.email: one for one in User.objects.filter(email__in=set(left.values()))}
    return [(one, holders.get(email)) for one, email in left.items()]


def imported_hash() -> str:
    """Return a password hash that came from elsewhere and waits for its owner to sign in, or nothing."""
    waiting = User.objects.filter(password__startswith=IMPORTED).order_by("pk")
    return waiting.values_list("password", flat=True).first() or ""


_live_sessions = Prepared(
    lambda: (
        Session.objects.select_related("user")
        .filter(
            pk=Given("session_id", BigIntegerField()),
            user_id=Given("user_id", BigIntegerField()),
            ended_at=None,
            expires_at__gt=Given("at", DateTimeField()),
        )
        .order_by("pk")
    )
)


def live_session(claims: AccessClaims, *, at: datetime) -> Session | None:
    """Return the session that a token or a cookie speaks for, with its person, while both hold.

    One query on every request: what ended a moment ago is refused at once.
    """
    session = _live_sessions.first(session_id=claims.session_id, user_id=claims.user_id, at=at)
    if session is None or session.user.session_version != claims.session_version:
        return None
    session.user.second_factor_at, session.user.session_id = session.second_factor_at, session.pk
    return session if session.user.is_active else None


def open_sessions(user: User, *, at: datetime) -> QuerySet[Session]:
    """Return where a person is signed in."""
    return Session.objects.filter(user_id=user.pk, ended_at=None, expires_at__gt=at)


def is_known_place(*, email: str, ip: str | None) -> bool:
    """Whether the person with this address has signed in from there, as far back as sessions are kept."""
    if ip is None:
        return False
    return Session.objects.filter(user__email=email, ip=ip).exists()


def is_known_device(*, email: str, token: str) -> bool:
    """Whether the person with this address has signed in with the device that has this token."""
    return Device.objects.filter(user__email=email, digest=crypto.digest(token)).exists()


def tries_of(subject: str, *, since: datetime) -> list[datetime]:
    """Return when a subject was tried since then, the newest first."""
    found = LoginGuard.objects.filter(subject=subject).values_list("tried_at", flat=True).first()
    return sorted((tried for tried in found or () if tried > since), reverse=True)


def devices_of(user: User) -> QuerySet[Device]:
    """Return the browsers and clients with which a person has signed in."""
    return Device.objects.filter(user_id=user.pk)


def trusted_devices(user: User, *, at: datetime) -> QuerySet[Device]:
    """Return where a password is enough for a person who has a second factor."""
    return Device.objects.filter(user_id=user.pk, trusted_until__gt=at)


def lock_of(subjects: Sequence[str], *, at: datetime) -> datetime | None:
    """Return until when sign-in is paused for any of the subjects."""
    locked = LoginGuard.objects.filter(subject__in=subjects, locked_until__gt=at)
    until: datetime | None = locked.aggregate(until=Max("locked_until"))["until"]
    return until


def passkeys_of(user: User) -> QuerySet[Passkey]:
    """Return a person's passkeys, the oldest first."""
    return Passkey.objects.filter(user_id=user.pk).order_by("created_at", "id")


def is_last_factor(passkey: Passkey) -> bool:
    """Whether nothing but the password is left to a person without this passkey."""
    has_app = TotpDevice.objects.filter(user_id=passkey.user_id, confirmed=True).exists()
    others = Passkey.objects.filter(user_id=passkey.user_id).exclude(pk=passkey.pk)
    return not has_app and not others.exists()


def known_credentials(user: User) -> list[KnownCredential]:
    """Return what a browser needs to find a person's passkeys."""
    found = passkeys_of(user).values_list("credential_id", "transports")
    return [KnownCredential(bytes(one), transports) for one, transports in found]


def pending_email_change(user: User, *, at: datetime) -> EmailChange | None:
    """Return the change of address that waits for one or both addresses."""
    changes = EmailChange.objects.filter(user_id=user.pk, completed_at=None, canceled_at=None)
    return changes.filter(expires_at__gt=at).first()


def export_of(user: User, export_id: int) -> DataExport | None:
    """Return one of a person's own exports."""
    return DataExport.objects.filter(user_id=user.pk, pk=export_id).first()


def exports_of(user: User) -> QuerySet[DataExport]:
    """Return the exports that a person asked for, newest first."""
    return DataExport.objects.filter(user_id=user.pk).order_by("-created_at", "-id")


# The bell counts no further: more is shown as 99+.
COUNTED_NOTICES = 100


def notices_of(user: User, *, unread: bool | None = None, kind: str = "") -> QuerySet[Notice]:
    """Return what a person was told, or only what they have, or have not, read."""
    found = Notice.objects.filter(user_id=user.pk)
    if unread is not None:
        found = found.filter(read_at__isnull=unread)
    return found.filter(kind=kind) if kind else found


def unread_notices(user: User) -> int:
    """Return how many notices a person has not read, at most 100: it is asked on every page."""
    return Notice.objects.filter(user_id=user.pk, read_at=None)[:COUNTED_NOTICES].count()
