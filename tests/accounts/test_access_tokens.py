"""What an access token must be, and every way in which it can fail to be it."""

import base64
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.utils import timezone

from accounts import tokens
from accounts.models import Session, User
from accounts.services import sessions, suspension

ME = "/api/v1/users/me"


def _key(kid):
    return dict(entry.split(":", 1) for entry in settings.JWT_SIGNING_KEYS)[kid]


def _newest_kid():
    return settings.JWT_SIGNING_KEYS[0].split(":", 1)[0]


@pytest.fixture
def session(olivia):
    """Return an open session of Olivia's."""
    sessions.start(user=olivia, at=timezone.now())
    return Session.objects.get()


@pytest.fixture
def claims(olivia, session):
    """Return the claims of a good access token."""
    now = int(time.time())
    return {
        "sub": str(olivia.pk),
        "sid": session.pk,
        "ver": 1,
        "typ": "access",
        "iat": now,
        "exp": now + 600,
        "iss": "http://testserver",
        "aud": "tollgate-api",
    }


def _signed(claims, *, kid=None, key=None, algorithm="HS256", headers=None):
    kid = kid or _newest_kid()
    key = _key(kid) if key is None else key
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid, **(headers or {})})


def _raw(header, payload, signature=b""):
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def _status(api, token):
    response = api.get(ME, HTTP_AUTHORIZATION=f"Bearer {token}")
    if response.status_code != 200:
        assert response["Content-Type"] == "application/problem+json"
        assert response.json()["code"] == "unauthenticated"
        assert response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    return response.status_code


def test_a_good_one_is_taken(api, claims):
    assert _status(api, _signed(claims)) == 200


def test_an_older_signing_key_is_still_good(api, claims):
    assert _status(api, _signed(claims, kid="t1")) == 200


def test_new_ones_name_the_newest_key(session):
    token = tokens.mint_access(sessions.claims_of(session))

    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": _newest_kid(), "typ": "JWT"}
    payload = jwt.decode(token, options={"verify_signature": False})
    assert set(payload) == {"sub", "sid", "ver", "typ", "iat", "exp", "iss", "aud"}
    assert payload["exp"] - payload["iat"] == 600


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
        {"iss": "https://elsewhere.example"},
        {"aud": "other-api"},
        {"aud": None},
        {"aud": []},
        {"typ": "refresh"},
        {"typ": "2fa-pending"},
        {"typ": None},
        {"sub": "0"},
        {"sub": "x"},
        {"sub": 12},
        {"sub": True},
        {"sub": str(10**30)},
        {"sid": 0},
        {"sid": None},
        {"sid": 10**30},
        {"sid": {"$gt": 0}},
        {"ver": 0},
        {"ver": 2},
        {"ver": None},
        {"ver": True},
        {"ver": 1.0},
        {"ver": float("inf")},
    ],
)
def test_a_wrong_claim_is_refused(api, claims, changes):
    assert _status(api, _signed(claims | changes)) == 401


@pytest.mark.parametrize("missing", ["sub", "sid", "ver", "typ", "exp", "iss", "aud"])
def test_a_missing_claim_is_refused(api, claims, missing):
    del claims[missing]

    assert _status(api, _signed(claims)) == 401


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
def test_no_signature_is_refused(api, claims, algorithm):
    header = {"alg": algorithm, "typ": "JWT", "kid": _newest_kid()}

    assert _status(api, _raw(header, claims)) == 401


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "unknown"},
        {"kid": "../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"kid": ""},
        {"jku": "https://evil.example/keys.json"},
        {"crit": ["x"]},
    ],
)
def test_a_hostile_header_is_refused(api, claims, header):
    token = jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": "t1", **header})

    assert _status(api, token) == 401


@pytest.mark.parametrize("kid", [None, 1, ["t1"], {"t1": 1}])
def test_a_kid_that_is_no_text_is_refused(api, claims, kid):
    assert _status(api, _raw({"alg": "HS256", "typ": "JWT", "kid": kid}, claims, b"x" * 32)) == 401


def test_a_missing_kid_is_refused(api, claims):
    assert _status(api, jwt.encode(claims, _key("t1"), algorithm="HS256")) == 401


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused(api, claims, algorithm):
    key = "long enough for every HMAC there is " * 2

    assert _status(api, _signed(claims, key=key, algorithm=algorithm)) == 401


def test_an_rsa_signature_is_refused(api, claims):
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )

    assert _status(api, _signed(claims, key=private, algorithm="RS256")) == 401


def test_another_secret_is_refused(api, claims):
    assert _status(api, _signed(claims, key=settings.SECRET_KEY)) == 401


def test_a_tampered_payload_is_refused(api, claims, stan):
    header, _, signature = _signed(claims).split(".")
    payload = json.dumps(claims | {"sub": str(stan.pk)}).encode()
    forged = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()

    assert _status(api, f"{header}.{forged}.{signature}") == 401


def test_somebody_elses_session_is_refused(api, claims, stan):
    assert _status(api, _signed(claims | {"sub": str(stan.pk)})) == 401


def test_a_refresh_token_is_refused(api, olivia, sign_in):
    assert _status(api, sign_in(olivia)["refresh"]) == 401


def test_an_expired_one_is_refused_to_the_second(api, olivia, sign_in, clock):
    access = sign_in(olivia)["access"]
    clock.shift(599)
    assert _status(api, access) == 200
    clock.shift(1)
    assert _status(api, access) == 401


@pytest.mark.parametrize("token", ["..", "a..b", "é.é.é", "a.b.c", f"{'A' * 5000}.A.A", "=.=.="])
def test_garbage_is_refused(api, db, token):
    assert _status(api, token) == 401


def test_it_stops_when_its_session_ends(api, olivia, session):
    access = tokens.mint_access(sessions.claims_of(session))
    sessions.end(user=olivia, session_id=session.pk)

    assert _status(api, access) == 401


def test_it_stops_when_all_sessions_end(api, olivia, session):
    access = tokens.mint_access(sessions.claims_of(session))
    sessions.end_all(user=olivia, reason="password_changed")

    assert _status(api, access) == 401
    assert User.objects.get(pk=olivia.pk).session_version == 2


def test_it_stops_when_the_person_is_suspended(api, olivia, session):
    access = tokens.mint_access(sessions.claims_of(session))
    suspension.suspend(user=olivia, reason="abuse")

    assert _status(api, access) == 401


def test_it_costs_one_query(api, claims, django_assert_num_queries):
    token = _signed(claims)

    with django_assert_num_queries(1):
        assert _status(api, token) == 200


def test_the_last_use_is_remembered_once_a_minute(api, olivia, sign_in, clock):
    access = sign_in(olivia)["access"]
    seen = []
    for seconds in (30, 30, 30):
        clock.shift(seconds)
        _status(api, access)
        session = Session.objects.get()
        seen.append((session.last_used_at - session.authenticated_at).total_seconds())

    assert seen == [0, 60, 60]
