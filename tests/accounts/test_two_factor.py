"""Two-factor authentication is set up with a QR code, turned on by a first code, and turned off with password and code."""

import shutil
import subprocess
import urllib.parse
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from accounts.models import (
    Passkey,
    PasskeyChallenge,
    PlatformRole,
    RecoveryCode,
    Session,
    TotpDevice,
    User,
)
from accounts.services import factors, passkeys, recovery_codes, sessions, two_factor
from audit.services import entries
from config.common.errors import Unauthenticated
from tests.accounts.two_factor import DISABLE, STATUS, events_of, mails_to
from tests.factories.accounts import PASSWORD, PasskeyFactory, UserFactory
from tests.factors import App, enroll
from tests.race import at_once

ENABLE = "/api/v1/auth/2fa/enable"
VERIFY = "/api/v1/auth/2fa/verify"
RECOVERY_CODES = "/api/v1/auth/2fa/recovery-codes"


@pytest.fixture
def client(api_as, olivia, clock):
    """Return Olivia's API client, at a time that stands still."""
    return api_as(olivia)


def test_is_off_at_first(client):
    assert client.get(STATUS).json() == {
        "enabled": False,
        "methods": [],
        "recovery_codes_left": 0,
    }


def test_enabling_answers_the_seed_three_times_over(client, olivia):
    response = client.post(ENABLE)

    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    answer = response.json()
    assert set(answer) == {"secret", "otpauth_uri", "qr_svg"}
    uri = urllib.parse.urlsplit(answer["otpauth_uri"])
    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", f"/Tollgate:{olivia.email}")
    assert dict(urllib.parse.parse_qsl(uri.query)) == {
        "secret": answer["secret"],
        "issuer": "Tollgate",
        "algorithm": "SHA1",
        "digits": "6",
        "period": "30",
    }
    assert len(App.of(answer["secret"]).seed) == 20


def test_an_ended_session_turns_nothing_on_with_a_request_that_was_under_way(olivia, clock):
    session = sessions.start(user=olivia, at=timezone.now()).session
    app = App.of(two_factor.enable(user=olivia).secret)
    sessions.end_all(user=olivia, reason="password_changed")

    with pytest.raises(Unauthenticated):
        two_factor.confirm(user=olivia, session_id=session.pk, code=app.code(), at=timezone.now())

    assert not factors.has_second_factor(olivia)
    assert not RecoveryCode.objects.exists()


def test_enabling_changes_nothing_yet(client, olivia, api):
    client.post(ENABLE)

    assert not factors.has_second_factor(olivia)
    assert client.get(STATUS).json()["enabled"] is False
    login = api.post("/api/v1/auth/login", {"email": olivia.email, "password": PASSWORD})
    assert "access" in login.json()


def test_enabling_again_throws_the_first_seed_away(client, olivia):
    first, second = client.post(ENABLE).json()["secret"], client.post(ENABLE).json()["secret"]

    assert first != second
    assert client.post(VERIFY, {"code": App.of(first).code()}).status_code == 400
    assert client.post(VERIFY, {"code": App.of(second).code()}).status_code == 200


def test_the_seed_is_not_answered_again(client):
    key = {"Idempotency-Key": "one"}
    secret = client.post(ENABLE, headers=key).json()["secret"]
    client.post(VERIFY, {"code": App.of(secret).code()})

    again = client.post(ENABLE, headers=key)

    assert (again.status_code, again.json()["code"]) == (409, "two_factor_is_on")
    assert secret not in again.content.decode()


def test_the_seed_is_encrypted_at_rest(client, tables_holding):
    secret = client.post(ENABLE).json()["secret"]

    assert tables_holding(secret) == []
    assert tables_holding(App.of(secret).seed.hex()) == []
    assert TotpDevice.objects.get().seed_encrypted.count(":") == 1


@pytest.mark.skipif(shutil.which("oathtool") is None, reason="oathtool is not installed")
def test_a_code_of_oathtool_turns_it_on(client, olivia):
    secret = client.post(ENABLE).json()["secret"]
    code = subprocess.run(
        ["oathtool", "--totp", "--base32", "--now", timezone.now().isoformat(), secret],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()

    response = client.post(VERIFY, {"code": code})

    assert response.status_code == 200
    assert factors.has_second_factor(olivia)


def test_turning_it_on_answers_ten_recovery_codes_once(client, olivia, clock, tables_holding):
    app = App.of(client.post(ENABLE).json()["secret"])

    response = client.post(VERIFY, {"code": app.code()})

    assert response["Cache-Control"] == "no-store"
    codes = response.json()["recovery_codes"]
    assert len(set(codes)) == 10
    assert {len(code.replace("-", "")) for code in codes} == {25}
    assert tables_holding(codes[0]) == []
    assert client.get(STATUS).json() == {
        "enabled": True,
        "methods": ["totp", "recovery_code"],
        "recovery_codes_left": 10,
    }
    assert client.post(VERIFY, {"code": app.code(steps=1)}).status_code == 409


def test_recovery_codes_are_answered_to_nobody_who_repeats_the_request(
    client, olivia, api, api_as, stan
):
    app = App.of(client.post(ENABLE).json()["secret"])
    given, key = {"code": app.code()}, {"Idempotency-Key": "one"}
    codes = client.post(VERIFY, given, headers=key).json()["recovery_codes"]

    for somebody, status in ((api, 401), (api_as(stan), 409)):
        response = somebody.post(VERIFY, given, headers=key)

        assert response.status_code == status
        assert codes[0] not in response.content.decode()


def test_turning_it_on_is_audited_and_mailed(client, olivia, clock):
    app = App.of(client.post(ENABLE).json()["secret"])

    client.post(VERIFY, {"code": app.code()})

    assert events_of("user.two_factor_enabled") == ["user.two_factor_enabled"]
    assert mails_to(olivia) == ["accounts/two_factor_enabled"]


def test_turning_it_on_ends_other_sessions_and_proves_this_one(client, olivia, api_as, clock):
    other = api_as(olivia)
    app = App.of(client.post(ENABLE).json()["secret"])

    client.post(VERIFY, {"code": app.code()})

    assert client.get(STATUS).status_code == 200
    assert other.get(STATUS).status_code == 401
    ended, kept = Session.objects.order_by("-id")
    assert (ended.ended_reason, kept.ended_at) == ("two_factor_enabled", None)
    assert kept.second_factor_at == timezone.now()


@pytest.mark.parametrize(
    "code",
    ["000000", "12345", "1234567", "abcdef", "\uff11\uff12\uff13\uff14\uff15\uff16", "-12345"],
)
def test_a_wrong_first_code_turns_nothing_on(client, olivia, code):
    client.post(ENABLE)

    response = client.post(VERIFY, {"code": code})

    assert (response.status_code, response.json()["code"]) == (400, "invalid_code")
    assert response.json()["errors"][0]["pointer"] == "#/code"
    assert not factors.has_second_factor(olivia)
    assert not RecoveryCode.objects.exists()
    assert mails_to(olivia) == []


def test_wrong_first_codes_pause_the_set_up(client, olivia):
    app = App.of(client.post(ENABLE).json()["secret"])
    wrong = [client.post(VERIFY, {"code": app.wrong_code()}).status_code for _ in range(5)]

    refused = client.post(VERIFY, {"code": app.code()})

    assert wrong == [400] * 5
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert not factors.has_second_factor(olivia)


def test_a_code_without_a_set_up_is_refused(client):
    response = client.post(VERIFY, {"code": "123456"})

    assert (response.status_code, response.json()["code"]) == (409, "two_factor_is_off")


def test_verifying_needs_somebody(api, db):
    assert api.post(VERIFY, {"code": "123456"}).status_code == 401


def test_enabling_needs_a_recent_sign_in(client, olivia):
    olivia.sessions.update(authenticated_at=timezone.now() - timedelta(minutes=11))

    response = client.post(ENABLE)

    assert (response.status_code, response.json()["code"]) == (403, "reauthentication_required")
    assert not TotpDevice.objects.exists()


@pytest.mark.parametrize("path", [ENABLE, "/api/v1/auth/passkeys/options"])
def test_a_stranger_who_registered_an_address_keeps_its_owner_out_by_nothing(client, olivia, path):
    User.objects.filter(pk=olivia.pk).update(email_verified_at=None)

    refused = client.post(path)

    assert (refused.status_code, refused.json()["code"]) == (403, "email_not_verified")
    assert not TotpDevice.objects.exists()
    assert not PasskeyChallenge.objects.exists()


def test_the_page_says_so_too(portal_as, olivia):
    User.objects.filter(pk=olivia.pk).update(email_verified_at=None)

    page = portal_as(olivia).post("/security/two-factor/", {}, follow=True)

    assert "Open the link in the mail you received" in page.content.decode()
    assert not TotpDevice.objects.exists()


def test_enabling_twice_is_refused(client, olivia):
    enroll(olivia)

    response = client.post(ENABLE)

    assert (response.status_code, response.json()["code"]) == (409, "two_factor_is_on")
    assert TotpDevice.objects.get().confirmed


def test_turning_it_off_takes_password_and_code(client, olivia, api_as, clock):
    app = enroll(olivia)
    other = api_as(olivia)

    response = client.post(DISABLE, {"password": PASSWORD, "code": app.code()})

    assert response.status_code == 204
    assert not TotpDevice.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert client.get(STATUS).json()["enabled"] is False
    assert other.get(STATUS).status_code == 401
    assert events_of("user.two_factor_disabled") == ["user.two_factor_disabled"]
    assert mails_to(olivia) == ["accounts/two_factor_disabled"]


def test_turning_it_off_works_with_a_recovery_code(client, olivia):
    app = enroll(olivia)

    body = {"password": PASSWORD, "code": app.recovery_codes[0]}
    assert client.post(DISABLE, body).status_code == 204
    assert not factors.has_second_factor(olivia)


@pytest.mark.parametrize(
    ("password", "is_code_right", "code"),
    [("wrong", True, "wrong_password"), (PASSWORD, False, "invalid_code")],
    ids=["password", "code"],
)
def test_turning_it_off_refuses_either_alone(client, olivia, clock, password, is_code_right, code):
    app = enroll(olivia)
    given = app.code() if is_code_right else app.wrong_code()

    response = client.post(DISABLE, {"password": password, "code": given})

    assert (response.status_code, response.json()["code"]) == (400, code)
    assert factors.second_factors(olivia) == ["totp", "recovery_code"]
    assert Session.objects.get().ended_at is None
    assert "accounts/two_factor_disabled" not in mails_to(olivia)


def test_turning_off_what_is_not_on_is_refused(client, olivia):
    client.post(ENABLE)

    response = client.post(DISABLE, {"password": PASSWORD, "code": "123456"})

    assert (response.status_code, response.json()["code"]) == (409, "two_factor_is_off")


def test_recovery_codes_stay_while_a_passkey_does(client, olivia, clock):
    app = enroll(olivia)
    Passkey.objects.create(
        user=olivia,
        name="Telephone",
        credential_id=b"x" * 16,
        public_key=b"y" * 32,
        aaguid="00000000-0000-0000-0000-000000000000",
    )

    client.post(DISABLE, {"password": PASSWORD, "code": app.code()})

    assert factors.second_factors(olivia) == ["passkey", "recovery_code"]


def test_recovery_codes_are_replaced(client, olivia, clock):
    app = enroll(olivia)

    response = client.post(RECOVERY_CODES, {"password": PASSWORD, "code": app.code()})

    assert response.status_code == 200
    fresh = response.json()["recovery_codes"]
    now = timezone.now()
    assert not set(fresh) & set(app.recovery_codes)
    assert factors.check_code(user=olivia, code=app.recovery_codes[0], at=now) is None
    assert factors.check_code(user=olivia, code=fresh[0], at=now) == Session.Method.RECOVERY_CODE
    assert mails_to(olivia)[0] == "accounts/recovery_codes_replaced"
    assert events_of("user.recovery_codes_replaced") == ["user.recovery_codes_replaced"]


def test_recovery_codes_are_not_replaced_without_proof(client, olivia, clock):
    app = enroll(olivia)

    response = client.post(RECOVERY_CODES, {"password": PASSWORD, "code": app.wrong_code()})

    assert response.status_code == 400
    assert recovery_codes.left_of(olivia) == 10
    assert factors.check_code(user=olivia, code=app.recovery_codes[0], at=timezone.now())


def test_nothing_is_half_turned_on_when_the_log_cannot_be_written(client, olivia, monkeypatch):
    app = App.of(client.post(ENABLE).json()["secret"])

    def refuse(event, at):
        if event.name == "user.two_factor_enabled":
            raise RuntimeError("disk full")

    monkeypatch.setattr(entries, "record", refuse)
    client.raise_request_exception = False
    assert client.post(VERIFY, {"code": app.code()}).status_code == 500
    monkeypatch.undo()

    assert not factors.has_second_factor(olivia)
    assert not RecoveryCode.objects.exists()
    assert client.post(VERIFY, {"code": app.code()}).status_code == 200


def test_a_session_that_waits_for_nothing_is_not_touched(olivia, clock):
    before = sessions.start(user=olivia, at=timezone.now()).session

    enroll(olivia)

    before.refresh_from_db()
    assert (before.method, before.second_factor_at) == (Session.Method.PASSWORD, None)


def test_staff_keeps_a_last_app(api_as, sam, clock):
    app = enroll(sam)
    body = {"password": PASSWORD, "code": app.code()}
    client = api_as(sam)

    refused = client.post(DISABLE, body)

    assert (refused.status_code, refused.json()["code"]) == (409, "last_second_factor")
    assert factors.second_factors(sam) == ["totp", "recovery_code"]
    PasskeyFactory.create(user=sam)
    assert client.post(DISABLE, body).status_code == 204
    assert "totp" not in factors.second_factors(sam)


def test_an_app_and_a_passkey_taken_at_once_leave_staff_one(transactional_db):
    person = UserFactory.create(role=PlatformRole.ADMIN)
    app, passkey = enroll(person), PasskeyFactory.create(user=person)
    now, code = timezone.now(), app.code()
    disable = partial(
        two_factor.disable, user=person, session_id=None, password=PASSWORD, code=code, at=now
    )

    outcomes = at_once(disable, partial(passkeys.remove, user=person, passkey_id=passkey.pk))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastFactor", "NoneType"]
    assert factors.has_second_factor(person)
