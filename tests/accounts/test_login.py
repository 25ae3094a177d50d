"""POST /api/v1/auth/login exchanges an address and its password for tokens."""

import pytest
from django.contrib.auth.hashers import check_password, make_password
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import tokens
from accounts.hashers import Argon2idHasher
from accounts.models import LoginGuard, Session, User, UserStatus
from accounts.services import sessions
from audit.models import AuditLog, SecurityEvent
from tests.factories.accounts import PASSWORD, UserFactory

URL = "/api/v1/auth/login"


def test_answers_tokens_and_the_person(api, olivia, clock):
    response = api.post(
        URL, {"email": olivia.email, "password": PASSWORD}, HTTP_USER_AGENT="curl/8"
    )

    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    answer = response.json()
    assert set(answer) == {"access", "refresh", "expires_in", "user"}
    assert answer["expires_in"] == 600
    assert answer["user"]["id"] == olivia.pk
    session = Session.objects.get()
    assert tokens.read_access(answer["access"]) == tokens.AccessClaims(
        user_id=olivia.pk, session_id=session.pk, session_version=1
    )
    assert (session.kind, session.ip, session.user_agent) == ("API", "127.0.0.1", "curl/8")
    assert (session.expires_at - session.authenticated_at).days == 14


def test_remembers_when_from_where_and_how_often(api, olivia, clock, sign_in):
    sign_in(olivia, HTTP_USER_AGENT="curl/8")
    sign_in(olivia, HTTP_USER_AGENT="curl/9")

    olivia.refresh_from_db()
    assert olivia.login_count == 2
    assert (olivia.last_login_ip, olivia.last_login_user_agent) == ("127.0.0.1", "curl/9")
    assert olivia.last_login.isoformat() == "2026-03-02T09:00:00+00:00"


def test_is_audited_with_the_person_as_the_actor(olivia, sign_in):
    sign_in(olivia)

    entry = AuditLog.objects.get(event="session.started")
    assert (entry.actor_type, entry.actor_id, entry.actor_label) == (
        "user",
        olivia.pk,
        olivia.email,
    )


def test_takes_an_address_in_any_case(api, olivia):
    response = api.post(URL, {"email": " Olivia@Example.com ", "password": PASSWORD})

    assert response.status_code == 200


def test_lets_an_unverified_person_in(db, sign_in):
    nora = UserFactory.create(email_verified_at=None)

    assert sign_in(nora)["user"]["email_verified"] is False


def test_answers_alike_for_wrong_passwords_and_unknown_addresses(api, olivia):
    wrong = api.post(URL, {"email": olivia.email, "password": "wrong"}).json()
    unknown = api.post(URL, {"email": "nobody@example.com", "password": "wrong"}).json()

    assert wrong.pop("request_id") != unknown.pop("request_id")
    assert wrong.pop("instance") != unknown.pop("instance")
    assert wrong == unknown
    assert (wrong["status"], wrong["code"]) == (401, "invalid_credentials")
    assert not Session.objects.exists()


def test_does_the_same_work_for_an_unknown_address(api, olivia):
    api.post(URL, {"email": "warm@example.com", "password": "wrong"})
    LoginGuard.objects.all().delete()

    with CaptureQueriesContext(connection) as known:
        api.post(URL, {"email": olivia.email, "password": "wrong"})
    LoginGuard.objects.all().delete()
    with CaptureQueriesContext(connection) as unknown:
        api.post(URL, {"email": "nobody@example.com", "password": "wrong"})

    assert [
        query["sql"][:40] for query in known.captured_queries if "SAVEPOINT" not in query["sql"]
    ] == [
        query["sql"][:40] for query in unknown.captured_queries if "SAVEPOINT" not in query["sql"]
    ]


def test_hashes_a_password_for_an_unknown_address(api, db, monkeypatch):
    hashed = []
    verify = Argon2idHasher.verify

    def watched(hasher, password, encoded):
        hashed.append(password)
        return verify(hasher, password, encoded)

    monkeypatch.setattr(Argon2idHasher, "verify", watched)

    api.post(URL, {"email": "nobody@example.com", "password": "wrong"})

    assert hashed == ["wrong"]


@pytest.mark.parametrize("status", [UserStatus.INACTIVE, UserStatus.SUSPENDED, UserStatus.DELETED])
def test_refuses_whoever_is_not_active(api, olivia, status):
    User.objects.filter(pk=olivia.pk).update(status=status)

    response = api.post(URL, {"email": olivia.email, "password": PASSWORD})

    assert (response.status_code, response.json()["code"]) == (401, "invalid_credentials")
    assert not Session.objects.exists()


def test_refuses_a_person_without_a_password(api, olivia):
    User.objects.filter(pk=olivia.pk).update(password=make_password(None))

    assert api.post(URL, {"email": olivia.email, "password": ""}).status_code == 400
    assert api.post(URL, {"email": olivia.email, "password": "!"}).status_code == 401


def test_notes_a_failure_as_a_security_event(api, olivia):
    api.post(URL, {"email": olivia.email, "password": "wrong"})

    event = SecurityEvent.objects.get()
    assert (event.name, event.user_id, event.ip) == ("authn_login_fail", olivia.pk, "127.0.0.1")
    assert "wrong" not in str(event.data)


@pytest.mark.parametrize("algorithm", ["bcrypt", "bcrypt_sha256"])
def test_upgrades_an_older_hash(api, olivia, algorithm, few_rounds):
    older = make_password(PASSWORD, hasher=algorithm)
    User.objects.filter(pk=olivia.pk).update(password=older)

    response = api.post(URL, {"email": olivia.email, "password": PASSWORD})

    assert response.status_code == 200
    olivia.refresh_from_db()
    assert olivia.password.startswith("argon2$argon2id$")
    assert api.post(URL, {"email": olivia.email, "password": PASSWORD}).status_code == 200


def test_an_upgrade_brings_no_replaced_password_back(olivia, monkeypatch, few_rounds):
    older = make_password(PASSWORD, hasher="bcrypt")
    User.objects.filter(pk=olivia.pk).update(password=older)

    def compare_slowly(password, encoded, setter):
        is_right = check_password(password, encoded)
        User.objects.filter(pk=olivia.pk).update(password=make_password("set meanwhile"))
        setter(password)
        return is_right

    monkeypatch.setattr(sessions, "check_password", compare_slowly)
    sessions.authenticate(email=olivia.email, password=PASSWORD, at=timezone.now())

    olivia.refresh_from_db()
    assert olivia.check_password("set meanwhile")


def test_keeps_only_the_digest_of_the_refresh_token(olivia, sign_in, tables_holding):
    pair = sign_in(olivia)

    assert len(bytes(Session.objects.get().refresh_digest)) == 32
    assert tables_holding(pair["refresh"]) == []
    assert tables_holding(pair["access"]) == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": "a@example.com"}, "#/password"),
        ({"password": "x"}, "#/email"),
        ({"email": "a@example.com", "password": "x", "remember": True}, "#/remember"),
        ({"email": ["a@example.com"], "password": "x"}, "#/email"),
        ({"email": "a@example.com", "password": {"$ne": ""}}, "#/password"),
    ],
)
def test_refuses_another_shape(api, db, body, pointer):
    response = api.post(URL, body)

    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_refuses_nul_characters(api, olivia):
    response = api.post(URL, {"email": olivia.email, "password": "x\x00y"})

    assert (response.status_code, response.json()["code"]) == (400, "malformed_request")


def test_refuses_who_was_signed_out_everywhere_meanwhile(olivia, clock):
    stale = User.objects.get(pk=olivia.pk)
    sessions.end_all(user=olivia, reason="password_changed")

    with pytest.raises(sessions.InvalidCredentials):
        sessions.start(user=stale, at=timezone.now())

    assert not Session.objects.exists()
