"""Signing in with a second factor: the password answers a token that is good for one code, and for nothing else."""

import jwt
import pytest
from django.utils import timezone

from accounts import tokens
from accounts.models import Device, PendingSignIn, Session, User
from accounts.services import factors, sessions, suspension
from audit.models import AuditLog
from tests.factories.accounts import PASSWORD
from tests.factors import enroll

LOGIN = "/api/v1/auth/login"
VERIFY = "/api/v1/auth/2fa/verify"


@pytest.fixture
def app(olivia, clock):
    """Return Olivia's authenticator app."""
    return enroll(olivia)


def _log_in(api, person, **more):
    return api.post(LOGIN, {"email": person.email, "password": PASSWORD, **more})


def _pending(api, person):
    return _log_in(api, person).json()["two_factor_token"]


def _verify(api, token, code, **more):
    return api.post(VERIFY, {"two_factor_token": token, "code": code, **more})


def test_the_password_opens_nothing(api, olivia, app):
    response = _log_in(api, olivia)

    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    answer = response.json()
    assert set(answer) == {"two_factor_required", "two_factor_token", "methods"}
    assert answer["two_factor_required"] is True
    assert answer["methods"] == ["totp", "recovery_code"]
    assert not Session.objects.exists()
    assert User.objects.get(pk=olivia.pk).login_count == 0


def test_a_wrong_password_is_answered_as_for_everybody(api, olivia, app, stan):
    body = {"password": "wrong"}
    answers = [
        api.post(LOGIN, {"email": person.email, **body}).json() | {"request_id": "", "instance": ""}
        for person in (olivia, stan)
    ]

    assert answers[0] == answers[1]
    assert not PendingSignIn.objects.exists()


def test_a_code_completes_the_sign_in(api, olivia, app):
    response = _verify(api, _pending(api, olivia), app.code())

    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert set(response.json()) == {"access", "refresh", "expires_in", "user"}
    session = Session.objects.get()
    assert (session.kind, session.method) == ("API", Session.Method.TOTP)
    assert session.second_factor_at == timezone.now()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {response.json()['access']}")
    assert api.get("/api/v1/users/me").json()["id"] == olivia.pk


def test_a_recovery_code_completes_it_too(api, olivia, app):
    response = _verify(api, _pending(api, olivia), app.recovery_codes[0])

    assert response.status_code == 200
    assert Session.objects.get().method == Session.Method.RECOVERY_CODE
    again = _verify(api, _pending(api, olivia), app.recovery_codes[0])
    assert (again.status_code, again.json()["code"]) == (401, "second_factor_refused")


def test_the_log_says_how_somebody_signed_in(api, olivia, app):
    _verify(api, _pending(api, olivia), app.code())

    entry = AuditLog.objects.get(event="session.started")
    assert (entry.actor_id, entry.data["method"]) == (olivia.pk, "TOTP")


def test_a_wrong_code_opens_nothing_and_leaves_the_sign_in_waiting(api, olivia, app):
    token = _pending(api, olivia)

    response = _verify(api, token, app.wrong_code())

    assert (response.status_code, response.json()["code"]) == (401, "second_factor_refused")
    assert not Session.objects.exists()
    assert _verify(api, token, app.code()).status_code == 200


def test_a_code_is_not_good_for_a_second_sign_in(api, olivia, app):
    first, second = _pending(api, olivia), _pending(api, olivia)
    assert _verify(api, first, app.code()).status_code == 200

    assert _verify(api, second, app.code()).status_code == 401
    assert Session.objects.count() == 1


def test_a_waiting_sign_in_is_good_once(api, olivia, app):
    token = _pending(api, olivia)
    _verify(api, token, app.code())

    response = _verify(api, token, app.code(steps=1))

    assert (response.status_code, response.json()["code"]) == (401, "sign_in_expired")
    assert Session.objects.count() == 1
    # What was not looked at is not used up.
    assert factors.check_code(user=olivia, code=app.code(steps=1), at=timezone.now())


def test_a_waiting_sign_in_is_good_for_five_minutes(api, olivia, app, clock):
    token = _pending(api, olivia)
    clock.shift(299)
    assert _verify(api, token, app.wrong_code()).json()["code"] == "second_factor_refused"
    clock.shift(1)

    assert _verify(api, token, app.code()).json()["code"] == "sign_in_expired"
    assert not Session.objects.exists()


@pytest.mark.parametrize("how", ["suspended", "password"])
def test_a_waiting_sign_in_ends_with_what_it_was_opened_by(api, olivia, app, how):
    token = _pending(api, olivia)
    if how == "suspended":
        suspension.suspend(user=olivia, reason="stolen card")
    else:
        sessions.end_all(user=olivia, reason="password_changed")

    response = _verify(api, token, app.code())

    assert (response.status_code, response.json()["code"]) == (401, "sign_in_expired")
    assert not Session.objects.filter(ended_at=None).exists()


def test_its_token_opens_nothing_else(api, olivia, app):
    token = _pending(api, olivia)

    api.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert api.get("/api/v1/users/me").status_code == 401
    assert api.post("/api/v1/auth/2fa/disable", {}).status_code == 401
    api.credentials()
    assert api.post("/api/v1/auth/refresh", {"refresh": token}).status_code == 401


@pytest.mark.parametrize("kind", ["access", "refresh", "forged", "unsigned", "garbage"])
def test_no_other_token_completes_a_sign_in(api, olivia, stan, app, kind):
    pair = sessions.start(user=stan, at=timezone.now())
    real = _pending(api, olivia)
    claims = jwt.decode(real, options={"verify_signature": False})
    header = {"kid": jwt.get_unverified_header(real)["kid"]}
    token = {
        "access": pair.access,
        "refresh": pair.refresh,
        "forged": jwt.encode(claims, "x" * 32, algorithm="HS256", headers=header),
        "unsigned": jwt.encode(claims, None, algorithm="none", headers=header),  # type: ignore[arg-type]
        "garbage": "a.b.c",
    }[kind]

    response = _verify(api, token, app.code())

    assert (response.status_code, response.json()["code"]) == (401, "sign_in_expired")
    assert Session.objects.get().user_id == stan.pk


def test_guesses_over_many_waiting_sign_ins_are_counted_together(api, olivia, app):
    waiting = [_pending(api, olivia) for _ in range(8)]

    statuses = [_verify(api, token, app.wrong_code()).status_code for token in waiting]

    assert statuses == [401] * 5 + [429] * 3
    assert _verify(api, waiting[0], app.code())["Retry-After"] == "60"
    assert not Session.objects.exists()


def test_a_pause_of_codes_leaves_open_sessions_alone(api, api_as, olivia, app):
    client = api_as(olivia)
    token = _pending(api, olivia)
    for _ in range(5):
        _verify(api, token, app.wrong_code())

    assert client.get("/api/v1/users/me").status_code == 200


def test_a_pause_survives_the_loss_of_redis(api, olivia, app, redis_client):
    token = _pending(api, olivia)
    for _ in range(5):
        _verify(api, token, app.wrong_code())
    redis_client.flushdb()

    assert _verify(api, token, app.code()).status_code == 429


@pytest.mark.parametrize("body", [{"code": ["1"]}, {"code": 123456}, {}, {"code": "1", "x": 1}])
def test_refuses_another_shape(api, db, body):
    assert api.post(VERIFY, {"two_factor_token": "x", **body}).status_code == 400


def test_an_old_access_token_beside_it_does_no_harm(api, olivia, app):
    token = _pending(api, olivia)
    api.credentials(HTTP_AUTHORIZATION="Bearer a.b.c")

    assert _verify(api, token, app.code()).status_code == 200


def test_the_session_begins_together_with_the_use_of_the_code(api, olivia, app, monkeypatch):
    token = _pending(api, olivia)

    def fail(*_, **__):
        raise RuntimeError("the machine stops here")

    monkeypatch.setattr(tokens, "mint_access", fail)
    api.raise_request_exception = False
    assert _verify(api, token, app.code()).status_code == 500
    monkeypatch.undo()

    assert not Session.objects.exists()
    assert not Device.objects.exists()
    assert PendingSignIn.objects.get().used_at is None
    assert _verify(api, token, app.code()).status_code == 200


def test_the_list_of_sessions_says_how_each_was_opened(api, olivia, app, api_as):
    client = api_as(olivia)
    _verify(api, _pending(api, olivia), app.code())

    listed = client.get("/api/v1/users/me/sessions").json()["data"]

    assert [(one["method"], one["second_factor_at"] is None) for one in listed] == [
        ("TOTP", False),
        ("PASSWORD", True),
    ]
    assert None not in {one["device_id"] for one in listed}
