"""Forged, bent and borrowed tokens, at every door that takes one: 401 as a problem document, and nothing has happened."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.conf import settings
from django.utils import timezone
from jwt.algorithms import RSAAlgorithm

from accounts import tokens
from accounts.models import PendingSignIn, Session, User
from accounts.services import sessions
from audit.models import AuditLog

KEYS = dict(entry.split(":", 1) for entry in settings.JWT_SIGNING_KEYS)
NEWEST, OLDER = KEYS
SIGNED_IN = {"session.started", "session.ended", "session.token_reused"}


@dataclass(frozen=True)
class Door:
    """Where a kind of token is taken, and how its refusal looks."""

    kind: str
    path: str
    member: str
    code: str
    challenge: str


DOORS = {
    "access": Door(
        "access",
        "/api/v1/users/me",
        "",
        "unauthenticated",
        'Bearer realm="api", error="invalid_token"',
    ),
    "refresh": Door(
        "refresh",
        "/api/v1/auth/refresh",
        "refresh",
        "invalid_refresh_token",
        'Bearer realm="api"',
    ),
    "2fa_pending": Door(
        "2fa_pending",
        "/api/v1/auth/2fa/verify",
        "two_factor_token",
        "sign_in_expired",
        'Bearer realm="api"',
    ),
}


@dataclass
class Scene:
    """A person with a session and a sign-in that waits, and what a good token of each kind says."""

    user: User
    session: Session
    pending: PendingSignIn
    refresh: str

    def claims(self, kind: str) -> dict[str, Any]:
        """Return the claims of a good token."""
        now = int(time.time())
        own: dict[str, Any] = {
            "access": {
                "sub": str(self.user.pk),
                "sid": self.session.pk,
                "ver": self.user.session_version,
            },
            "refresh": {"sid": self.session.pk, "jti": "j" * 43},
            "2fa_pending": {"pid": self.pending.pk, "jti": "j" * 43},
        }[kind]
        return {
            **own,
            "typ": kind,
            "iat": now,
            "exp": now + 60,
            "iss": "http://testserver",
            "aud": "tollgate-api",
        }


@pytest.fixture
def scene(olivia, clock):
    pair = sessions.start(user=olivia, at=timezone.now())
    pending = PendingSignIn.objects.create(
        user=olivia,
        session_version=olivia.session_version,
        expires_at=timezone.now() + tokens.PENDING_LIFETIME,
    )
    clock.shift(1)
    return Scene(olivia, pair.session, pending, pair.refresh)


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _raw(header: Any, payload: bytes, key: str, *, digest: str = "sha256") -> str:
    """Sign what no library would sign."""
    signed = f"{_part(json.dumps(header).encode())}.{_part(payload)}"
    return f"{signed}.{_part(hmac.new(key.encode(), signed.encode(), digest).digest())}"


def _signed(claims: dict[str, Any], **header: Any) -> str:
    full = {"alg": "HS256", "typ": "JWT", "kid": NEWEST, **header}
    kept = {name: value for name, value in full.items() if value is not ...}
    return _raw(kept, json.dumps(claims).encode(), KEYS[NEWEST])


def _rsa() -> tuple[bytes, bytes, dict[str, Any]]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, public, json.loads(RSAAlgorithm.to_jwk(key.public_key()))


def _by_rsa(claims: dict[str, Any]) -> str:
    private, _, jwk = _rsa()
    return jwt.encode(claims, private, algorithm="RS256", headers={"kid": NEWEST, "jwk": jwk})


def _by_ec(claims: dict[str, Any]) -> str:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": NEWEST})


def _public_key_as_secret(claims: dict[str, Any]) -> str:
    _, public, _ = _rsa()
    header = {"alg": "HS256", "typ": "JWT", "kid": NEWEST}
    return _raw(header, json.dumps(claims).encode(), public.decode())


def _unsigned(claims: dict[str, Any], algorithm: str) -> str:
    header = {"alg": algorithm, "typ": "JWT", "kid": NEWEST}
    return f"{_part(json.dumps(header).encode())}.{_part(json.dumps(claims).encode())}."


def _bare(claims: dict[str, Any], cut: int) -> str:
    head, payload, signature = _signed(claims).split(".")
    return f"{head}.{payload}.{signature[:cut]}"


def _doubled(claims: dict[str, Any]) -> str:
    payload = json.dumps(claims)[:-1] + f', "typ": "{claims["typ"]}"}}'
    header = {"alg": "HS256", "typ": "JWT", "kid": NEWEST}
    return _raw(header, payload.encode(), KEYS[NEWEST])


Forge = Callable[[dict[str, Any]], str]
FORGED: dict[str, Forge] = {
    "none": lambda c: _unsigned(c, "none"),
    "None": lambda c: _unsigned(c, "None"),
    "none-with-signature": lambda c: _signed(c, alg="none"),
    "hs256-without-signature": lambda c: _unsigned(c, "HS256"),
    "half-a-signature": lambda c: _bare(c, 21),
    "signed-by-nobody": lambda c: _raw(
        {"alg": "HS256", "typ": "JWT", "kid": NEWEST}, json.dumps(c).encode(), ""
    ),
    "signed-by-the-django-key": lambda c: _raw(
        {"alg": "HS256", "typ": "JWT", "kid": NEWEST}, json.dumps(c).encode(), settings.SECRET_KEY
    ),
    "another-key-than-it-names": lambda c: _signed(c, kid=OLDER),
    "hs512": lambda c: _raw(
        {"alg": "HS512", "typ": "JWT", "kid": NEWEST},
        json.dumps(c).encode(),
        KEYS[NEWEST],
        digest="sha512",
    ),
    "rs256-with-its-own-jwk": _by_rsa,
    "es256": _by_ec,
    "public-key-as-secret": _public_key_as_secret,
    "rs256-says-an-hmac": lambda c: _signed(c, alg="RS256"),
}
HEADERS: dict[str, dict[str, Any]] = {
    "kid-path": {"kid": "../../../../dev/null"},
    "kid-sql": {"kid": "x' UNION SELECT 'secret' --"},
    "kid-url": {"kid": "https://evil.example/key"},
    "kid-nul": {"kid": f"{NEWEST}\x00"},
    "kid-unknown": {"kid": "k999"},
    "kid-empty": {"kid": ""},
    "kid-null": {"kid": None},
    "kid-list": {"kid": [NEWEST]},
    "kid-object": {"kid": {"$ne": ""}},
    "kid-missing": {"kid": ...},
    "alg-missing": {"alg": ...},
    "alg-list": {"alg": ["HS256"]},
    "jku": {"jku": "https://evil.example/jwks.json"},
    "jwk": {"jwk": {"kty": "oct", "k": "AAAA"}},
    "x5u": {"x5u": "https://evil.example/cert.pem"},
    "x5c": {"x5c": ["MIIB"]},
    "crit": {"crit": ["exp"], "exp": 1},
    "crit-b64": {"crit": ["b64"], "b64": False},
    "zip": {"zip": "DEF"},
}
CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {"exp": 1},
    "expires-now": {"exp": 0},
    "expires-never": {"exp": None},
    "no-exp": {"exp": ...},
    "exp-text": {"exp": "tomorrow"},
    "exp-infinite": {"exp": 1e400},
    "not-yet": {"nbf": 5},
    "issued-tomorrow": {"iat": 86_400},
    "issuer-other": {"iss": "https://evil.example"},
    "issuer-longer": {"iss": "http://testserver.evil.example"},
    "issuer-list": {"iss": ["http://testserver"]},
    "no-issuer": {"iss": ...},
    "audience-other": {"aud": "another-api"},
    "audience-longer": {"aud": "tollgate-api-2"},
    "no-audience": {"aud": ...},
    "no-type": {"typ": ...},
    "type-list": {"typ": ["access", "refresh", "2fa_pending"]},
    "type-id": {"typ": "id"},
}
# Claims that are moments are given from now on.
_MOMENTS = {"expires-now", "not-yet", "issued-tomorrow"}


def _headed(header: dict[str, Any]) -> Forge:
    return lambda claims: _signed(claims, **header)


def _bent(name: str) -> Forge:
    def forge(claims: dict[str, Any]) -> str:
        changes = dict(CLAIMS[name])
        if name in _MOMENTS:
            changes = {claim: int(time.time()) + offset for claim, offset in changes.items()}
        changed = {**claims, **changes}
        return _signed({claim: value for claim, value in changed.items() if value is not ...})

    return forge


SHAPES: dict[str, Forge] = {
    "two-parts": lambda c: _signed(c).rpartition(".")[0],
    "four-parts": lambda c: f"{_signed(c)}.{'A' * 8}",
    "five-parts": lambda c: f"{_signed(c)}.AAAA.AAAA",
    "padded": lambda c: f"{_signed(c)}=",
    "space-inside": lambda c: _signed(c)[:-5] + " " + _signed(c)[-5:],
    "tab-inside": lambda c: _signed(c).replace(".", ".\t", 1),
    "stray-characters-inside": lambda c: _signed(c)[:-5] + "!!" + _signed(c)[-5:],
    "not-ascii": lambda c: _signed(c)[:-1] + "é",
    "claims-twice": _doubled,
    "payload-list": lambda c: _raw(
        {"alg": "HS256", "typ": "JWT", "kid": NEWEST}, json.dumps([c]).encode(), KEYS[NEWEST]
    ),
    "payload-text": lambda c: _raw(
        {"alg": "HS256", "typ": "JWT", "kid": NEWEST}, b'"admin"', KEYS[NEWEST]
    ),
    "payload-no-json": lambda c: _raw(
        {"alg": "HS256", "typ": "JWT", "kid": NEWEST}, b"\xff\xfe{", KEYS[NEWEST]
    ),
    "payload-deep": lambda c: _raw(
        {"alg": "HS256", "typ": "JWT", "kid": NEWEST}, b"[" * 700 + b"]" * 700, KEYS[NEWEST]
    ),
    "header-list": lambda c: _raw(["HS256"], json.dumps(c).encode(), KEYS[NEWEST]),
    "long": lambda c: _signed({**c, "x": "A" * 2000}),
}
ATTACKS: dict[str, Forge] = {
    **FORGED,
    **{name: _headed(header) for name, header in HEADERS.items()},
    **{name: _bent(name) for name in CLAIMS},
    **SHAPES,
}


def _present(api: Any, door: Door, token: str) -> Any:
    if door.kind == "access":
        return api.get(door.path, HTTP_AUTHORIZATION=f"Bearer {token}")
    extra = {"code": "123456"} if door.kind == "2fa_pending" else {}
    return api.post(door.path, {door.member: token, **extra})


def _state() -> Any:
    """Return everything that a token could have moved."""
    return (
        list(Session.objects.order_by("pk").values()),
        list(PendingSignIn.objects.order_by("pk").values()),
        list(User.objects.order_by("pk").values_list("last_login", "login_count")),
        AuditLog.objects.filter(event__in=SIGNED_IN).count(),
    )


def _require_refusal(response: Any, door: Door) -> None:
    assert response.status_code == 401, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == door.code
    assert response["WWW-Authenticate"] == door.challenge


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("door", DOORS)
def test_it_is_refused_and_nothing_has_happened(api, scene, door, attack):
    before, token = _state(), ATTACKS[attack](scene.claims(door))

    _require_refusal(_present(api, DOORS[door], token), DOORS[door])

    assert _state() == before


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", DOORS)
def test_a_token_opens_the_door_of_its_kind_only(api, scene, door, kind):
    claims = {**scene.claims("access"), **scene.claims("2fa_pending"), **scene.claims("refresh")}
    token = _signed({**claims, "typ": kind})
    if door == kind:
        return
    before = _state()

    _require_refusal(_present(api, DOORS[door], token), DOORS[door])

    assert _state() == before


def test_the_good_ones_of_this_file_are_good(api, scene):
    assert _present(api, DOORS["access"], _signed(scene.claims("access"))).status_code == 200
    assert tokens.read_refresh(_signed(scene.claims("refresh"))) == scene.session.pk
    assert tokens.read_pending(_signed(scene.claims("2fa_pending"))) == scene.pending.pk


@pytest.mark.parametrize(("left", "status"), [(1, 200), (0, 401), (-1, 401)])
def test_it_expires_to_the_second_without_leeway(api, scene, left, status):
    token = _signed(scene.claims("access") | {"exp": int(time.time()) + left})

    assert settings.SIMPLE_JWT["LEEWAY"] == 0
    assert _present(api, DOORS["access"], token).status_code == status


@pytest.mark.parametrize(("claim", "offset", "status"), [
    ("nbf", 0, 200), ("nbf", 1, 401), ("iat", 0, 200), ("iat", 1, 401),
])  # fmt: skip
def test_it_does_not_hold_before_its_time(api, scene, claim, offset, status):
    token = _signed(scene.claims("access") | {claim: int(time.time()) + offset})

    assert _present(api, DOORS["access"], token).status_code == status


@pytest.mark.parametrize("version", [-1, 1])
def test_another_session_version_is_refused(api, scene, version):
    token = _signed(scene.claims("access") | {"ver": scene.user.session_version + version})

    _require_refusal(_present(api, DOORS["access"], token), DOORS["access"])


def test_somebody_elses_session_is_refused(api, scene, stan):
    other = sessions.start(user=stan, at=timezone.now()).session

    for change in ({"sid": other.pk}, {"sub": str(stan.pk)}):
        token = _signed(scene.claims("access") | change)
        _require_refusal(_present(api, DOORS["access"], token), DOORS["access"])


def test_a_well_signed_refresh_token_that_was_never_handed_out_ends_the_family(api, scene):
    token = _signed(scene.claims("refresh"))

    _require_refusal(_present(api, DOORS["refresh"], token), DOORS["refresh"])

    # It can only have been made with the key: whoever holds it is not to share a session with the owner.
    assert Session.objects.get(pk=scene.session.pk).ended_reason == "token_reused"


@pytest.mark.parametrize("size", [10_000, 100_000, 900_000])
def test_a_huge_token_costs_nothing(api, scene, size):
    token = _signed({**scene.claims("access"), "x": "A" * size})
    started = time.thread_time()

    _require_refusal(_present(api, DOORS["access"], token), DOORS["access"])

    assert time.thread_time() - started < 0.5


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer garbage",
        "Bearer a.b",
        "bearer null",
        "Bearer undefined",
        "Bearer {token} {token}",
        "Bearer {token},{token}",
        "Bearer {token}\t{token}",
        'Bearer "{token}"',
        "Bearer Bearer {token}",
    ],
)
def test_a_header_that_holds_more_or_less_than_a_token_is_refused(api, scene, header):
    token = _signed(scene.claims("access"))

    response = api.get("/api/v1/users/me", HTTP_AUTHORIZATION=header.format(token=token))

    _require_refusal(response, DOORS["access"])


@pytest.mark.parametrize("header", ["Basic {token}", "Token {token}", "JWT {token}", "{token}"])
def test_another_scheme_is_no_token(api, scene, header):
    token = _signed(scene.claims("access"))

    response = api.get("/api/v1/users/me", HTTP_AUTHORIZATION=header.format(token=token))

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_token_in_the_address_is_no_token(api, scene):
    token = _signed(scene.claims("access"))

    for name in ("access_token", "token", "jwt"):
        assert api.get("/api/v1/organizations", {name: token}).status_code == 401


def test_a_cookie_cannot_carry_an_access_token(api, scene):
    api.cookies["access"] = api.cookies["Authorization"] = _signed(scene.claims("access"))

    assert api.get("/api/v1/users/me").status_code == 401


def test_a_refresh_token_of_an_ended_session_is_refused(api, scene):
    sessions.end(user=scene.user, session_id=scene.session.pk)
    before = _state()

    _require_refusal(_present(api, DOORS["refresh"], scene.refresh), DOORS["refresh"])

    assert _state() == before


def test_the_signature_of_one_token_does_not_fit_another(api, scene, sign_in):
    mine = sign_in(scene.user)["access"].split(".")
    forged = _signed(scene.claims("access") | {"sub": "1"}).split(".")

    token = ".".join((*forged[:2], mine[2]))

    _require_refusal(_present(api, DOORS["access"], token), DOORS["access"])
