"""Sixteen requests become complete at once, and one of them wins: codes, recovery codes, turning on, refreshing."""

from collections import Counter

import pytest
from django.conf import settings
from django.utils import timezone

from accounts import tokens
from accounts.models import PendingSignIn, Session
from accounts.services import assertions, recovery_codes, sessions
from tests import race, servers
from tests.doubles.authenticator import enrolled
from tests.factories.accounts import UserFactory
from tests.factors import enroll

VERIFY = "/api/v1/auth/2fa/verify"
REFRESH = "/api/v1/auth/refresh"
PASSKEY = "/api/v1/auth/passkeys"
RACERS = 16
ROUNDS = [1, pytest.param(20, marks=pytest.mark.trial)]

pytestmark = pytest.mark.parametrize("rounds", ROUNDS)


@pytest.fixture
def run(transactional_db, live_server, redis_client):
    """Return what lets requests race and counts their statuses; the pace of an address is not what is tried here."""

    def race_them(requests):
        servers.forget_redis_keys(redis_client, settings.REDIS_PREFIX)
        return Counter(answer.status for answer in race.run(live_server.url, requests))

    return race_them


def _waiting(person):
    """Return the token of a sign-in that waits, without the cost of hashing."""
    pending = PendingSignIn.objects.create(
        user=person,
        session_version=person.session_version,
        expires_at=timezone.now() + tokens.PENDING_LIFETIME,
    )
    return tokens.mint_pending(pending.pk)


def _open_sessions(person):
    return Session.objects.filter(user=person, ended_at=None).count()


def test_one_code_for_one_sign_in(run, rounds):
    for _ in range(rounds):
        person = UserFactory.create()
        body = {"two_factor_token": _waiting(person), "code": enroll(person).code()}

        assert run([race.post(VERIFY, body)] * RACERS) == {200: 1, 401: 15}
        assert _open_sessions(person) == 1


@pytest.mark.parametrize("kind", ["totp", "recovery"])
def test_one_code_for_many_sign_ins(run, rounds, kind):
    for _ in range(rounds):
        person = UserFactory.create()
        app = enroll(person)
        code = app.code() if kind == "totp" else app.recovery_codes[0]
        waiting = [_waiting(person) for _ in range(RACERS)]

        statuses = run(
            [race.post(VERIFY, {"two_factor_token": token, "code": code}) for token in waiting]
        )

        # Each of the others is a wrong guess; five of them pause the codes.
        assert statuses == {200: 1, 401: 5, 429: 10}
        assert _open_sessions(person) == 1
        assert recovery_codes.left_of(person) == (10 if kind == "totp" else 9)


def test_ten_recovery_codes_for_one_sign_in(run, rounds):
    for _ in range(rounds):
        person = UserFactory.create()
        codes, token = enroll(person).recovery_codes, _waiting(person)

        statuses = run(
            [race.post(VERIFY, {"two_factor_token": token, "code": code}) for code in codes]
        )

        assert statuses == {200: 1, 401: 9}
        assert _open_sessions(person) == 1
        assert recovery_codes.left_of(person) == 9


def test_turning_it_on(run, rounds):
    for _ in range(rounds):
        person = UserFactory.create()
        pair = sessions.start(user=person, at=timezone.now())
        code = enroll(person).code()
        person.totpdevice_set.update(confirmed=False)
        headers = {"Authorization": f"Bearer {pair.access}"}

        statuses = run([race.post(VERIFY, {"code": code}, headers)] * RACERS)

        assert statuses == {200: 1, 409: 15}
        assert recovery_codes.left_of(person) == 10
        assert person.totpdevice_set.get().confirmed


def test_refreshing(run, rounds):
    for _ in range(rounds):
        person = UserFactory.create()
        pair = sessions.start(user=person, at=timezone.now())

        statuses = run([race.post(REFRESH, {"refresh": pair.refresh})] * RACERS)

        assert statuses == {200: 1, 401: 15}
        assert _open_sessions(person) == 1


def test_one_passkey_challenge_for_many_sign_ins(run, rounds):
    for _ in range(rounds):
        person = UserFactory.create()
        device = enrolled(person)[0]
        options = assertions.begin_sign_in(at=timezone.now())
        bodies = [{"credential": device.sign(options)} for _ in range(RACERS)]

        statuses = run([race.post(f"{PASSKEY}/sign-in", body) for body in bodies])

        assert statuses == {200: 1, 401: 15}
        assert _open_sessions(person) == 1


def test_many_passkey_challenges_for_one_sign_in(run, rounds):
    for _ in range(rounds):
        person = UserFactory.create()
        device, token = enrolled(person)[0], _waiting(person)
        # A device that does not count, as synced ones: nothing but the sign-in itself tells the second from the first.
        device.count = 0
        options = [
            assertions.begin_second_factor(token=token, at=timezone.now()) for _ in range(RACERS)
        ]
        bodies = [
            {"two_factor_token": token, "credential": device.sign(one, count=0)} for one in options
        ]

        statuses = run([race.post(f"{PASSKEY}/second-factor", body) for body in bodies])

        assert statuses == {200: 1, 401: 15}
        assert _open_sessions(person) == 1
