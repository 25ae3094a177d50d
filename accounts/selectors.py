"""Questions about people and their sessions."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Max, QuerySet

from accounts.models import LoginGuard, Session, User
from accounts.tokens import AccessClaims


def user_by_email(email: str) -> User | None:
    """Return the person with this address, whatever their status."""
    return User.objects.filter(email=User.objects.normalize_email(email)).first()


def live_session(claims: AccessClaims, *, at: datetime) -> Session | None:
    """Return the session that a token or a cookie speaks for, with its person, while both hold.

    One query on every request: what ended a moment ago is refused at once.
    """
    session = (
        Session.objects.select_related("user")
        .filter(pk=claims.session_id, user_id=claims.user_id, ended_at=None, expires_at__gt=at)
        .first()
    )
    if session is None or session.user.session_version != claims.session_version:
        return None
    return session if session.user.is_active else None


def open_sessions(user: User, *, at: datetime) -> QuerySet[Session]:
    """Return where a person is signed in."""
    return Session.objects.filter(user_id=user.pk, ended_at=None, expires_at__gt=at)


def is_known_place(*, email: str, ip: str | None) -> bool:
    """Whether the person with this address has signed in from there, as far back as sessions are kept."""
    if ip is None:
        return False
    return Session.objects.filter(user__email=email, ip=ip).exists()


def lock_of(subjects: Sequence[str], *, at: datetime) -> datetime | None:
    """Return until when sign-in is paused for any of the subjects."""
    locked = LoginGuard.objects.filter(subject__in=subjects, locked_until__gt=at)
    until: datetime | None = locked.aggregate(until=Max("locked_until"))["until"]
    return until
