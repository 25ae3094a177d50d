"""Forgetting what nobody needs any more."""

from datetime import datetime, timedelta

from django.contrib.sessions.models import Session as CookieSession
from django.db.models import Q

from accounts.models import EmailToken, LoginGuard, Session
from accounts.services.login_guard import WINDOW

# An ended session still says that its place is known; see `login_guard.admit`.
KEEP_SESSIONS = timedelta(days=90)
KEEP_LINKS = timedelta(days=30)


def purge_expired(*, at: datetime) -> dict[str, int]:
    """Delete old links, sessions, cookies and counts of tries; return how many of each."""
    links = EmailToken.objects.filter(expires_at__lt=at - KEEP_LINKS)
    ended = Q(ended_at__lt=at - KEEP_SESSIONS) | Q(expires_at__lt=at - KEEP_SESSIONS)
    guards = LoginGuard.objects.filter(Q(locked_until=None) | Q(locked_until__lte=at))
    return {
        "links": links.delete()[0],
        "sessions": Session.objects.filter(ended).delete()[0],
        "cookies": CookieSession.objects.filter(expire_date__lt=at).delete()[0],
        "guards": guards.exclude(tried_at__0__gt=at - WINDOW).delete()[0],
    }
