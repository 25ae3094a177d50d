"""Wrong passwords pause sign-in: 5 for a minute, 10 for 15 minutes, 20 for an hour, never for good."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import LoginGuard, Session, User
from accounts.services import login_guard, pace, sessions
from audit.models import SecurityEvent
from config.common import context
from config.common.errors import TooManyRequests
from tests import race
from tests.factories.accounts import PASSWORD, UserFactory

URL = "/api/v1/auth/login"


WRONG = "no such password"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def _try(api, email, password=WRONG, ip="203.0.113.1"):
    return api.post(URL, {"email": email, "password": password}, REMOTE_ADDR=ip)


def _guess(at, ip="203.0.113.1"):
    """Guess wrongly without the cost of HTTP and hashing; return whether the guess was admitted."""
    with context.use(context.Context(ip=ip)), transaction.atomic():
        try:
            attempt = login_guard.admit(email="olivia@example.com", at=at)
        except TooManyRequests:
            return False
        login_guard.record_failure(attempt, user_id=None)
    return True


def _fail(api, email, times, ip="203.0.113.1"):
    return [_try(api, email, ip=ip).status_code for _ in range(times)]


def test_pauses_for_a_minute_after_five(api, olivia, clock):
    assert _fail(api, olivia.email, 5) == [401] * 5

    refused = _try(api, olivia.email, PASSWORD)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused["Retry-After"] == "60"
    assert not Session.objects.exists()

    clock.shift(59)
    assert _try(api, olivia.email, PASSWORD)["Retry-After"] == "1"
    clock.shift(1)
    assert _try(api, olivia.email, PASSWORD).status_code == 200


def test_pauses_longer_after_ten_and_twenty(api, olivia, clock):
    pauses = {}
    failures = 0
    while failures <= 20:
        response = _try(api, olivia.email)
        if response.status_code == 401:
            failures += 1
        else:
            pauses[failures] = int(response["Retry-After"])
            clock.shift(pauses[failures])
            if failures == 20:
                break

    assert pauses == {5: 60, 10: 900, 20: 3600}
    assert _try(api, olivia.email, PASSWORD).status_code == 200


def test_never_pauses_for_good(db):
    at = START
    for _ in range(90):
        _guess(at)
        at += timedelta(minutes=1)
    at += timedelta(hours=1)

    assert _guess(at)


def test_counts_an_account_from_everywhere(api, olivia, clock):
    statuses = [_try(api, olivia.email, ip=f"203.0.113.{n}").status_code for n in range(1, 41)]

    assert statuses == [401] * 5 + [429] * 35


def test_allows_twenty_guesses_in_any_hour(db):
    seconds = range(0, 9000, 60)

    guessed = [
        at for at in seconds if _guess(START + timedelta(seconds=at), ip=f"10.0.0.{at // 60}")
    ]

    assert max(sum(start <= at < start + 3600 for at in guessed) for start in guessed) == 20


def test_counts_an_address_over_all_accounts(api, db, clock):
    statuses = [_try(api, f"person{n}@example.com").status_code for n in range(8)]

    assert statuses == [401] * 5 + [429] * 3
    assert _try(api, "person9@example.com", ip="203.0.113.2").status_code == 401


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ("2001:db8:1:1::1", "2001:db8:1:1:ffff::2", 429),
        ("2001:db8:1:1::1", "2001:db8:1:2::1", 401),
    ],
)
def test_takes_a_customer_of_ipv6_for_one(api, db, clock, first, second, status):
    for n in range(5):
        _try(api, f"person{n}@example.com", ip=first)

    assert _try(api, "person9@example.com", ip=second).status_code == status


def test_lets_the_owner_in_from_a_known_place_under_attack(api, olivia, clock):
    assert _try(api, olivia.email, PASSWORD, ip="192.0.2.7").status_code == 200
    for n in range(1, 21):
        _try(api, olivia.email, ip=f"203.0.113.{n}")
        clock.shift(61)

    assert _try(api, olivia.email, PASSWORD, ip="203.0.113.99").status_code == 429
    assert _try(api, olivia.email, PASSWORD, ip="192.0.2.7").status_code == 200


def test_counts_in_a_known_place_too(api, olivia, clock):
    _try(api, olivia.email, PASSWORD, ip="192.0.2.7")

    assert _fail(api, olivia.email, 6, ip="192.0.2.7") == [401] * 5 + [429]
    assert _try(api, olivia.email, PASSWORD, ip="203.0.113.1").status_code == 200


def test_forgets_mistakes_where_the_owner_is_known(api, olivia, clock):
    _try(api, olivia.email, PASSWORD)
    for _ in range(3):
        assert _fail(api, olivia.email, 4) == [401] * 4
        assert _try(api, olivia.email, PASSWORD).status_code == 200


def test_gives_an_attacker_no_guesses_for_an_account_of_their_own(api, stan, clock):
    for n in range(4):
        _try(api, f"person{n}@example.com", ip="203.0.113.66")
    assert _try(api, stan.email, PASSWORD, ip="203.0.113.66").status_code == 200

    assert _try(api, "person5@example.com", ip="203.0.113.66").status_code == 401
    assert _try(api, "person6@example.com", ip="203.0.113.66").status_code == 429


def test_gives_an_attacker_no_guesses_when_the_owner_signs_in(api, olivia, clock):
    for n in range(1, 5):
        _try(api, olivia.email, ip=f"203.0.113.{n}")
    assert _try(api, olivia.email, PASSWORD, ip="192.0.2.7").status_code == 200

    assert _try(api, olivia.email, ip="203.0.113.5").status_code == 401
    assert _try(api, olivia.email, ip="203.0.113.6").status_code == 429


def test_tells_of_a_pause_once(api, olivia, clock):
    _fail(api, olivia.email, 7)

    locked = SecurityEvent.objects.filter(name="authn_login_lock")
    # One for the account, one for the address.
    assert [(event.user_id, event.data["seconds"]) for event in locked] == [(olivia.pk, 60)] * 2


def test_survives_the_loss_of_redis(api, olivia, clock, redis_client):
    _fail(api, olivia.email, 5)
    redis_client.flushdb()

    assert _try(api, olivia.email, PASSWORD).status_code == 429


def test_names_nobody_in_its_table(api, olivia, clock):
    _try(api, olivia.email)

    guards = LoginGuard.objects.all()
    assert len(guards) == 2
    assert {len(guard.subject) for guard in guards} == {64}
    assert all(olivia.email not in guard.subject for guard in guards)


def test_simultaneous_guesses_are_counted_one_by_one(transactional_db):
    person = UserFactory.create()

    def guess(number):
        with context.use(context.Context(ip=f"203.0.113.{number}")):
            sessions.authenticate(email=person.email, password=WRONG, at=timezone.now())

    outcomes = race.together(32, guess)

    assert sorted(outcome.status for outcome in outcomes) == [401] * 5 + [429] * 27


def test_simultaneous_sign_ins_of_the_owner_all_succeed(transactional_db):
    person = UserFactory.create()

    outcomes = race.together(
        16,
        lambda _: sessions.log_in(email=person.email, password=PASSWORD, at=timezone.now()),
    )

    assert {type(outcome) for outcome in outcomes} == {sessions.TokenPair}
    assert Session.objects.count() == 16
    assert User.objects.get().login_count == 16


def test_counts_only_what_lies_within_the_window(db, clock):
    counted = pace.subject("test", "x")
    window = timedelta(seconds=60)
    counts = []
    for _ in range(5):
        counts.append(pace.count(counted, at=timezone.now(), window=window))
        clock.shift(25)

    assert counts == [1, 2, 3, 3, 3]
