"""Tokens as an attacker would forge them: every entry makes one of the claims of a good one."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.conf import settings
from jwt.algorithms import RSAAlgorithm

KEYS = dict(entry.split(":", 1) for entry in settings.JWT_SIGNING_KEYS)
NEWEST, OLDER = KEYS


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def raw(header: Any, payload: bytes, key: str, *, digest: str = "sha256") -> str:
    """Sign what no library would sign."""
    content = f"{part(json.dumps(header).encode())}.{part(payload)}"
    return f"{content}.{part(hmac.new(key.encode(), content.encode(), digest).digest())}"


def signed(claims: dict[str, Any], **header: Any) -> str:
    full = {"alg": "HS256", "typ": "JWT", "kid": NEWEST, **header}
    kept = {name: value for name, value in full.items() if value is not ...}
    return raw(kept, json.dumps(claims).encode(), KEYS[NEWEST])


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
    return raw(header, json.dumps(claims).encode(), public.decode())


def _unsigned(claims: dict[str, Any], algorithm: str) -> str:
    header = {"alg": algorithm, "typ": "JWT", "kid": NEWEST}
    return f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}."


def _bare(claims: dict[str, Any], cut: int) -> str:
    head, payload, signature = signed(claims).split(".")
    return f"{head}.{payload}.{signature[:cut]}"


def _doubled(claims: dict[str, Any]) -> str:
    payload = json.dumps(claims)[:-1] + f', "typ": "{claims["typ"]}"}}'
    header = {"alg": "HS256", "typ": "JWT", "kid": NEWEST}
    return raw(header, payload.encode(), KEYS[NEWEST])


Forge = Callable[[dict[str, Any]], str]
FORGED: dict[str, Forge] = {
    "none": lambda c: _unsigned(c, "none"),
    "None": lambda c: _unsigned(c, "None"),
    "none-with-signature": lambda c: signed(c, alg="none"),
    "hs256-without-signature": lambda c: _unsigned(c, "HS256"),
    "half-a-signature": lambda c: _bare(c, 21),
    "signed-by-nobody": lambda c: raw(
        {"alg": "HS256", "typ": "JWT", "kid": NEWEST}, json.dumps(c).encode(), ""
    ),
    "signed-by-the-django-key": lambda c: raw(
        {"alg": "HS256", "typ": "JWT", "kid": NEWEST}, json.dumps(c).encode(), settings.SECRET_KEY
    ),
    "another-key-than-it-names": lambda c: signed(c, kid=OLDER),
    "hs512": lambda c: raw(
        {"alg": "HS512", "typ": "JWT", "kid": NEWEST},
        json.dumps(c).encode(),
        KEYS[NEWEST],
        digest="sha512",
    ),
    "rs256-with-its-own-jwk": _by_rsa,
    "es256": _by_ec,
    "public-key-as-secret": _public_key_as_secret,
    "rs256-says-an-hmac": lambda c: signed(c, alg="RS256"),
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
    "exp-no-number": {"exp": float("nan")},
    "exp-true": {"exp": True},
    "exp-negative": {"exp": -1},
    "exp-fraction": {"exp": 4e9 + 0.5},
    "exp-digits": {"exp": "4000000000"},
    "session-infinite": {"sid": 1e400, "pid": 1e400},
    "session-no-number": {"sid": float("nan"), "pid": float("nan")},
    "session-true": {"sid": True, "pid": True},
    "session-negative": {"sid": -1, "pid": -1},
    "session-huge": {"sid": 10**30, "pid": 10**30},
    "session-text": {"sid": "1", "pid": "1"},
    "session-null": {"sid": None, "pid": None},
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
    return lambda claims: signed(claims, **header)


def _bent(name: str) -> Forge:
    def forge(claims: dict[str, Any]) -> str:
        changes = dict(CLAIMS[name])
        if name in _MOMENTS:
            changes = {claim: int(time.time()) + offset for claim, offset in changes.items()}
        changed = {**claims, **changes}
        return signed({claim: value for claim, value in changed.items() if value is not ...})

    return forge


SHAPES: dict[str, Forge] = {
    "two-parts": lambda c: signed(c).rpartition(".")[0],
    "four-parts": lambda c: f"{signed(c)}.{'A' * 8}",
    "five-parts": lambda c: f"{signed(c)}.AAAA.AAAA",
    "padded": lambda c: f"{signed(c)}=",
    "space-inside": lambda c: signed(c)[:-5] + " " + signed(c)[-5:],
    "tab-inside": lambda c: signed(c).replace(".", ".\t", 1),
    "stray-characters-inside": lambda c: signed(c)[:-5] + "!!" + signed(c)[-5:],
    "not-ascii": lambda c: signed(c)[:-1] + "é",
    "claims-twice": _doubled,
    "payload-list": lambda c: raw(
        {"alg": "HS256", "typ": "JWT", "kid": NEWEST}, json.dumps([c]).encode(), KEYS[NEWEST]
    ),
    "payload-text": lambda c: raw(
        {"alg": "HS256", "typ": "JWT", "kid": NEWEST}, b'"admin"', KEYS[NEWEST]
    ),
    "payload-no-json": lambda c: raw(
        {"alg": "HS256", "typ": "JWT", "kid": NEWEST}, b"\xff\xfe{", KEYS[NEWEST]
    ),
    "payload-deep": lambda c: raw(
        {"alg": "HS256", "typ": "JWT", "kid": NEWEST}, b"[" * 700 + b"]" * 700, KEYS[NEWEST]
    ),
    # More than Python reads one inside another; the form is looked at before the signature.
    "payload-bottomless": lambda c: raw(
        {"alg": "HS256", "typ": "JWT", "kid": NEWEST}, b"[" * 1300, KEYS[NEWEST]
    ),
    "header-bottomless": lambda c: f"{part(b'[' * 1400)}.{part(b'{}')}.AAAA",
    "header-list": lambda c: raw(["HS256"], json.dumps(c).encode(), KEYS[NEWEST]),
    "long": lambda c: signed({**c, "x": "A" * 2000}),
}
ATTACKS: dict[str, Forge] = {
    **FORGED,
    **{name: _headed(header) for name, header in HEADERS.items()},
    **{name: _bent(name) for name in CLAIMS},
    **SHAPES,
}
