"""Wrong passwords pause sign-in: 5 for a minute, 10 for 15 minutes, 20 for an hour, never for good.

Of the 20 guesses that an account has in an hour, strangers have 15, places where the owner was have 18, and only the
owner's own devices have all.
"""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import LoginGuard, Session, User
from accounts.services import devices, login_guard, pace, proof, sessions, sign_in
from accounts.services.sign_in import Door
from audit.models import SecurityEvent
from config.common import context
from config.common.errors import DomainError, TooManyRequests
from tests import race
from tests.factories.accounts import PASSWORD, UserFactory

URL = "/api/v1/auth/login"


WRONG = "no such password"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def _try(api, email, password=WRONG, ip="203.0.113.1"):
    return api.post(URL, {"email": email, "password": password}, REMOTE_ADDR=ip)


def _guess(at, ip="203.0.113.1", email="olivia@example.com", token=""):
    """Guess wrongly without the cost of HTTP and hashing; return whether the guess was admitted."""
    with context.use(context.Context(ip=ip)), transaction.atomic():
        try:
            attempt = login_guard.admit(email=email, device_token=token, at=at)
        except TooManyRequests:
            return False
        login_guard.record_failure(attempt, user_id=None)
    return True


def _most_in_an_hour(guessed):
    return max(sum(start <= at < start + timedelta(hours=1) for at in guessed) for start in guessed)


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


def test_pauses_longer_the_more_fail(api, olivia, clock):
    pauses = {}
    failures = 0
    while failures < 15 or 15 not in pauses:
        response = _try(api, olivia.email)
        if response.status_code == 401:
            failures += 1
        else:
            pauses[failures] = int(response["Retry-After"])
            clock.shift(pauses[failures])

    # The fifteen that strangers have are used up until the first of them is an hour old.
    assert pauses == {5: 60, 10: 900, 15: 3600 - 960}
    assert _try(api, olivia.email, PASSWORD).status_code == 200


def test_pauses_an_address_for_an_hour_after_twenty(db):
    at, pauses = START, {}
    failures = 0
    while 20 not in pauses:
        if _guess(at, email=f"person{failures}@example.com"):
            failures += 1
        else:
            until = LoginGuard.objects.get(locked_until__gt=at).locked_until or at
            pauses[failures] = int((until - at).total_seconds())
            at = until

    assert pauses == {5: 60, 10: 900, 20: 3600}


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


def test_two_hundred_addresses_have_fifteen_guesses_in_any_hour(db):
    times = [START + timedelta(seconds=seconds) for seconds in range(0, 6000, 30)]

    guessed = [at for number, at in enumerate(times) if _guess(at, ip=f"10.0.0.{number % 200}")]

    assert _most_in_an_hour(guessed) == 15


def test_two_hundred_accounts_have_twenty_guesses_from_one_address_in_any_hour(db):
    times = [START + timedelta(seconds=seconds) for seconds in range(0, 6000, 30)]

    guessed = [
        at
        for number, at in enumerate(times)
        if _guess(at, email=f"person{number % 200}@example.com")
    ]

    assert _most_in_an_hour(guessed) == 20


def test_everything_together_has_twenty_guesses_in_any_hour(api, olivia):
    """Strangers, a place where the owner was, and two stolen devices of the owner's guess at once."""
    tokens = [devices.new_token() for _ in range(2)]
    for token in tokens:
        sessions.start(user=olivia, at=START, proof=sessions.Proof(device_token=token))
    with context.use(context.Context(ip="192.0.2.7")):
        sessions.start(user=olivia, at=START)
    guessed = []
    for seconds in range(0, 7200, 120):
        at = START + timedelta(seconds=seconds)
        ways = [{"ip": f"10.0.0.{seconds % 200}"}, {"ip": "192.0.2.7"}]
        ways += [{"ip": "203.0.113.9", "token": token} for token in tokens]
        guessed += [at for way in ways if _guess(at, **way)]

    assert _most_in_an_hour(guessed) == 20


def test_the_owner_gets_in_on_a_known_device_while_two_hundred_addresses_guess(api, olivia, clock):
    token = devices.new_token()
    sessions.start(user=olivia, at=timezone.now(), proof=sessions.Proof(device_token=token))
    body = {"email": olivia.email, "password": PASSWORD}
    for minute in range(50):
        for number in range(4):
            _guess(timezone.now(), ip=f"203.0.{minute}.{number}")
        clock.shift(60)

    refused = api.post(URL, body, REMOTE_ADDR="198.51.100.1")
    entered = api.post(URL, {**body, "device_token": token}, REMOTE_ADDR="198.51.100.1")

    assert refused.status_code == 429
    assert entered.status_code == 200


def test_nobody_else_is_known_by_the_owners_device(api, olivia, stan, clock):
    token = devices.new_token()
    sessions.start(user=olivia, at=timezone.now(), proof=sessions.Proof(device_token=token))
    for _ in range(5):
        _guess(timezone.now(), email=stan.email)

    body = {"email": stan.email, "password": PASSWORD, "device_token": token}

    assert api.post(URL, body, REMOTE_ADDR="203.0.113.1").status_code == 429


@pytest.mark.parametrize("token", ["", "x", "\n203.0.113.1\n", "a" * 43])
def test_nobody_is_known_by_a_token_of_their_own_making(olivia, token):
    with context.use(context.Context(ip="203.0.113.1")):
        sessions.start(user=olivia, at=START)

    assert login_guard._standing_of(olivia.email, token) is login_guard.Standing.STRANGER


def test_counts_on_a_known_device_too(api, olivia, clock):
    token = devices.new_token()
    sessions.start(user=olivia, at=timezone.now(), proof=sessions.Proof(device_token=token))

    guessed = [_guess(timezone.now(), token=token) for _ in range(6)]

    assert guessed == [True] * 5 + [False]
    clock.shift(60)
    assert _guess(timezone.now(), token=token)


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


def test_counts_the_passwords_that_a_session_asks_for(olivia, clock):
    def confirm(password):
        try:
            proof.require_password(user=olivia, password=password, at=timezone.now())
        except DomainError as error:
            return error.status
        return 200

    assert [confirm(WRONG) for _ in range(6)] == [400] * 5 + [429]
    assert confirm(PASSWORD) == 429
    clock.shift(60)
    assert confirm(PASSWORD) == 200


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
        lambda _: sign_in.begin(
            email=person.email,
            password=PASSWORD,
            door=Door(kind=Session.Kind.API),
            at=timezone.now(),
        ),
    )

    assert {type(outcome) for outcome in outcomes} == {sign_in.Entered}
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
