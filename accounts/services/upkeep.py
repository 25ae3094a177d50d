"""Forgetting what nobody needs any more."""

from datetime import datetime, timedelta

from django.contrib.sessions.models import Session as CookieSession
from django.db.models import Q

from accounts.models import (
    Device,
    EmailToken,
    LoginGuard,
    PasskeyChallenge,
    PendingSignIn,
    Session,
    TotpDevice,
)
from accounts.services import avatars, broadcasts, exports, notices, pace

# An ended session still says that its place is known; see `login_guard.admit`.
KEEP_SESSIONS = timedelta(days=90)
KEEP_LINKS = timedelta(days=30)
# As long as browsers keep the token by which a device is known.
KEEP_DEVICES = timedelta(days=400)
# An authenticator app whose first code never came.
KEEP_SET_UPS = timedelta(days=1)


def purge_expired(*, at: datetime) -> dict[str, int]:
    """Delete old links, sessions, devices, cookies, counts of tries and files; return how many of each."""
    set_ups = TotpDevice.objects.filter(confirmed=False, created_at__lt=at - KEEP_SET_UPS)
    links = EmailToken.objects.filter(expires_at__lt=at - KEEP_LINKS)
    ended = Q(ended_at__lt=at - KEEP_SESSIONS) | Q(expires_at__lt=at - KEEP_SESSIONS)
    guards = LoginGuard.objects.filter(Q(locked_until=None) | Q(locked_until__lte=at))
    return {
        "links": links.delete()[0],
        "sessions": Session.objects.filter(ended).delete()[0],
        "sign_ins": PendingSignIn.objects.filter(expires_at__lt=at).delete()[0],
        "devices": Device.objects.filter(last_used_at__lt=at - KEEP_DEVICES).delete()[0],
        "set_ups": set_ups.delete()[0],
        "challenges": PasskeyChallenge.objects.filter(expires_at__lt=at).delete()[0],
        "cookies": CookieSession.objects.filter(expire_date__lt=at).delete()[0],
        "avatars": avatars.forget_strays(at=at),
        "exports": exports.purge(at=at),
        "broadcasts": broadcasts.purge(at=at),
        "notices": notices.purge(at=at),
        "guards": guards.exclude(tried_at__0__gt=at - pace.WINDOW).delete()[0],
    }
