"""accounts.purge_expired forgets what nobody needs any more, and nothing else."""

from datetime import timedelta

from django.contrib.sessions.models import Session as CookieSession
from django.utils import timezone

from accounts.models import EmailToken, LoginGuard, Session
from accounts.services import login_guard, pace, registration, sessions, upkeep
from accounts.tasks import purge_expired


def _counts():
    models = (EmailToken, Session, CookieSession, LoginGuard)
    return [model.objects.count() for model in models]


def test_purges_what_expired(olivia, portal_as, clock):
    registration.register(email="nora@example.com", password="four unrelated quiet words")
    portal_as(olivia)
    sessions.start(user=olivia, at=timezone.now())
    assert _counts() == [1, 2, 1, 1]

    clock.shift(14 * 24 * 3600 + 1)
    purge_expired()
    assert _counts() == [1, 2, 0, 0]

    clock.shift(20 * 24 * 3600)
    purge_expired()
    assert _counts() == [0, 2, 0, 0]

    clock.shift(90 * 24 * 3600)
    purge_expired()
    assert _counts() == [0, 0, 0, 0]


def test_keeps_what_is_in_use(olivia, portal_as, clock):
    registration.register(email="nora@example.com", password="four unrelated quiet words")
    portal_as(olivia)

    assert upkeep.purge_expired(at=timezone.now()) == {
        "links": 0,
        "sessions": 0,
        "cookies": 0,
        "guards": 0,
    }
    assert _counts() == [1, 1, 1, 1]


def test_keeps_a_pause_that_lasts(db, clock):
    subject = pace.subject("account", "x@example.com")
    pace.count(subject, at=timezone.now() - timedelta(hours=2), window=login_guard.WINDOW)
    LoginGuard.objects.update(locked_until=timezone.now() + timedelta(minutes=1))

    purge_expired()
    assert LoginGuard.objects.count() == 1

    clock.shift(60)
    purge_expired()
    assert LoginGuard.objects.count() == 0


def test_keeps_ended_sessions_for_ninety_days(olivia, clock):
    sessions.start(user=olivia, at=timezone.now())
    sessions.end_all(user=olivia, reason="test")

    clock.shift(90 * 24 * 3600)
    purge_expired()
    assert Session.objects.count() == 1

    clock.shift(1)
    purge_expired()
    assert Session.objects.count() == 0
