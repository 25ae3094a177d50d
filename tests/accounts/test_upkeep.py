"""accounts.purge_expired forgets what nobody needs any more, and nothing else."""

from datetime import timedelta

from django.contrib.sessions.models import Session as CookieSession
from django.utils import timezone

from accounts import tokens
from accounts.models import EmailToken, LoginGuard, PendingSignIn, Session
from accounts.services import devices, pace, registration, sessions, two_factor, upkeep
from accounts.tasks import purge_expired
from tests.factors import enroll


def _counts():
    models = (EmailToken, Session, CookieSession, LoginGuard)
    return [model.objects.count() for model in models]


def _wait_for_second_factor(person):
    PendingSignIn.objects.create(
        user=person, session_version=1, expires_at=timezone.now() + tokens.PENDING_LIFETIME
    )


def test_purges_what_expired(olivia, portal_as, clock):
    registration.register(email="nora@example.com", password="four unrelated quiet words")
    portal_as(olivia)
    sessions.start(user=olivia, at=timezone.now())
    assert _counts() == [1, 2, 1, 1]

    clock.shift(14 * 24 * 3600 + 1)
    purge_expired()
    assert _counts() == [1, 2, 0, 0]

    # Thirty days after the link, which was good for one, has run out.
    clock.shift(17 * 24 * 3600 - 2)
    purge_expired()
    assert _counts() == [1, 2, 0, 0]

    clock.shift(2)
    purge_expired()
    assert _counts() == [0, 2, 0, 0]

    clock.shift(90 * 24 * 3600)
    purge_expired()
    assert _counts() == [0, 0, 0, 0]


def test_keeps_what_is_in_use(olivia, portal_as, clock):
    registration.register(email="nora@example.com", password="four unrelated quiet words")
    portal_as(olivia)

    two_factor.enable(user=olivia)
    _wait_for_second_factor(olivia)

    assert set(upkeep.purge_expired(at=timezone.now()).values()) == {0}
    assert _counts() == [1, 1, 1, 1]


def test_purges_what_was_begun_and_never_finished(olivia, clock):
    two_factor.enable(user=olivia)
    _wait_for_second_factor(olivia)
    clock.shift(timedelta(days=1, seconds=1))

    purged = upkeep.purge_expired(at=timezone.now())

    assert (purged["set_ups"], purged["sign_ins"]) == (1, 1)


def test_keeps_what_was_finished(olivia, clock):
    enroll(olivia)
    clock.shift(timedelta(days=2))

    assert upkeep.purge_expired(at=timezone.now())["set_ups"] == 0


def test_forgets_devices_as_browsers_do(olivia, clock):
    devices.note(user=olivia, token=devices.new_token(), at=timezone.now())
    clock.shift(timedelta(days=400))
    assert upkeep.purge_expired(at=timezone.now())["devices"] == 0

    clock.shift(1)
    assert upkeep.purge_expired(at=timezone.now())["devices"] == 1


def test_keeps_a_pause_that_lasts(db, clock):
    subject = pace.subject("account", "x@example.com")
    pace.count(subject, at=timezone.now() - timedelta(hours=2), window=pace.WINDOW)
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
