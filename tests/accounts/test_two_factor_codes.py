"""Codes of an app and recovery codes: which are right, how often, and how many wrong ones are taken."""

import pytest
from django.utils import timezone

from accounts.models import (
    Session,
    TotpDevice,
)
from accounts.services import factors, recovery_codes
from audit.models import AuditLog
from config.common.errors import TooManyRequests
from tests.accounts.two_factor import DISABLE, STATUS, events_of, mails_to
from tests.factories.accounts import PASSWORD
from tests.factors import enroll


@pytest.fixture
def client(api_as, olivia, clock):
    """Return Olivia's API client, at a time that stands still."""
    return api_as(olivia)


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_codes_of_clocks_a_little_off_are_right(olivia, clock, steps):
    app = enroll(olivia)

    found = factors.check_code(user=olivia, code=app.code(steps=steps), at=timezone.now())

    assert found == Session.Method.TOTP


@pytest.mark.parametrize("steps", [-2, 2])
def test_codes_of_clocks_further_off_are_wrong(olivia, clock, steps):
    app = enroll(olivia)

    assert factors.check_code(user=olivia, code=app.code(steps=steps), at=timezone.now()) is None


def test_a_code_is_good_once(olivia, clock):
    app = enroll(olivia)
    now = timezone.now()

    outcomes = [factors.check_code(user=olivia, code=app.code(), at=now) for _ in range(2)]

    assert outcomes == [Session.Method.TOTP, None]


def test_a_code_older_than_the_last_one_is_refused(olivia, clock):
    app = enroll(olivia)
    now = timezone.now()
    factors.check_code(user=olivia, code=app.code(steps=1), at=now)

    assert factors.check_code(user=olivia, code=app.code(), at=now) is None


def test_a_code_may_have_a_blank(olivia, clock):
    code = enroll(olivia).code()

    spaced = f" {code[:3]} {code[3:]} "
    assert factors.check_code(user=olivia, code=spaced, at=timezone.now()) == Session.Method.TOTP


def test_a_recovery_code_is_good_once_however_it_is_typed(olivia, clock):
    code = enroll(olivia).recovery_codes[0]
    now = timezone.now()
    typed = code.upper().replace("-", " ").replace("0", "O").replace("1", "I")

    assert factors.check_code(user=olivia, code=typed, at=now) == Session.Method.RECOVERY_CODE
    assert factors.check_code(user=olivia, code=code, at=now) is None
    assert recovery_codes.left_of(olivia) == 9


def test_the_use_of_a_recovery_code_is_audited_and_mailed(olivia, clock):
    app = enroll(olivia)

    factors.check_code(user=olivia, code=app.recovery_codes[3], at=timezone.now())

    assert AuditLog.objects.get(event="user.recovery_code_used").data["left"] == 9
    assert mails_to(olivia) == ["accounts/recovery_code_used"]


def test_nobody_elses_recovery_code_helps(olivia, stan, clock):
    enroll(olivia)
    code = enroll(stan).recovery_codes[0]

    assert factors.check_code(user=olivia, code=code, at=timezone.now()) is None
    assert recovery_codes.left_of(stan) == 10


def test_wrong_codes_pause_codes_and_nothing_else(client, olivia, api, clock):
    app = enroll(olivia)
    body = {"password": PASSWORD, "code": app.wrong_code()}
    assert [client.post(DISABLE, body).status_code for _ in range(5)] == [400] * 5

    paused = client.post(DISABLE, {**body, "code": app.code()})

    assert (paused.status_code, paused["Retry-After"]) == (429, "60")
    assert client.get(STATUS).status_code == 200
    login = api.post("/api/v1/auth/login", {"email": olivia.email, "password": PASSWORD})
    assert login.json()["two_factor_required"] is True
    clock.shift(60)
    assert client.post(DISABLE, {**body, "code": app.code()}).status_code == 204


def test_no_hour_sees_more_than_twenty_guesses_at_codes(olivia, clock):
    app = enroll(olivia)
    refused, pauses = 0, {}
    while refused < 20:
        try:
            assert factors.check_code(user=olivia, code=app.wrong_code(), at=timezone.now()) is None
            refused += 1
        except TooManyRequests as error:
            pauses[refused] = int(error.headers["Retry-After"])
            clock.shift(pauses[refused])

    with pytest.raises(TooManyRequests) as last:
        factors.check_code(user=olivia, code=app.code(), at=timezone.now())
    assert pauses == {5: 60, 10: 900}
    assert last.value.headers["Retry-After"] == "3600"
    clock.shift(3600)
    assert factors.check_code(user=olivia, code=app.code(), at=timezone.now())


def test_a_right_code_forgives_no_wrong_ones(olivia, clock):
    app = enroll(olivia)
    for _ in range(4):
        factors.check_code(user=olivia, code=app.wrong_code(), at=timezone.now())
    assert factors.check_code(user=olivia, code=app.code(), at=timezone.now())

    factors.check_code(user=olivia, code=app.wrong_code(), at=timezone.now())

    with pytest.raises(TooManyRequests):
        factors.check_code(user=olivia, code=app.recovery_codes[0], at=timezone.now())
    assert recovery_codes.left_of(olivia) == 10


def test_a_wrong_code_is_noted(olivia, clock):
    app = enroll(olivia)

    factors.check_code(user=olivia, code=app.wrong_code(), at=timezone.now())

    assert events_of("session.code_refused") == ["session.code_refused"]
    assert app.wrong_code() not in str(AuditLog.objects.latest("id").data)
    assert TotpDevice.objects.get().throttling_failure_count == 1
