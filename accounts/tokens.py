"""Minting and reading tokens: HS256 with named keys; issuer, audience and type are always checked."""

import json
import re
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

import jwt
from django.conf import settings
from jwt.utils import base64url_decode
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError
from rest_framework_simplejwt.settings import api_settings

from config.common import crypto, ids, keyring

ACCESS_LIFETIME: timedelta = api_settings.ACCESS_TOKEN_LIFETIME
REFRESH_LIFETIME: timedelta = api_settings.REFRESH_TOKEN_LIFETIME
SESSION_LIFETIME = timedelta(days=90)
PENDING_LIFETIME = timedelta(minutes=5)

# Three parts of base64url; ours have some 300 characters.
_SHAPE = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2}")
_LONGEST = 2048
_HEADER = {"alg", "typ", "kid"}


class TokenRefused(Exception):
    """The token is not one of ours, is of another type, or is out of date."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """Whom an access token speaks for."""

    user_id: int
    session_id: int
    session_version: int


@lru_cache(maxsize=8)
def _backends(configured: tuple[str, ...]) -> dict[str, TokenBackend]:
    return {
        kid: TokenBackend(
            api_settings.ALGORITHM,
            signing_key=key,
            audience=api_settings.AUDIENCE,
            issuer=api_settings.ISSUER,
            leeway=api_settings.LEEWAY,
        )
        for kid, key in keyring.by_id(configured).items()
    }


def _configured() -> dict[str, TokenBackend]:
    return _backends(tuple(settings.JWT_SIGNING_KEYS))


def mint_access(claims: AccessClaims) -> str:
    """Return a signed access token, good for ten minutes."""
    return _mint(
        {"sub": str(claims.user_id), "sid": claims.session_id, "ver": claims.session_version},
        kind="access",
        lifetime=ACCESS_LIFETIME,
    )


def mint_refresh(session_id: int) -> str:
    """Return a signed refresh token for one session, good for fourteen days or until it is replaced."""
    return _mint(
        {"sid": session_id, "jti": crypto.new_token()}, kind="refresh", lifetime=REFRESH_LIFETIME
    )


def mint_pending(pending_id: int) -> str:
    """Return a signed token for a sign-in that waits for its second factor; it opens nothing else."""
    return _mint(
        {"pid": pending_id, "jti": crypto.new_token()},
        kind="2fa_pending",
        lifetime=PENDING_LIFETIME,
    )


def read_access(token: str) -> AccessClaims:
    """Check a token's signature, issuer, audience, time and type. Raises TokenRefused."""
    payload = _read(token, kind="access")
    user_id = ids.id_in(str(payload.get("sub")))
    if user_id is None:
        raise TokenRefused
    return AccessClaims(user_id, _number(payload, "sid"), _number(payload, "ver"))


def read_refresh(token: str) -> int:
    """Check a refresh token as `read_access` does and return the id of its session. Raises TokenRefused."""
    return _number(_read(token, kind="refresh"), "sid")


def read_pending(token: str) -> int:
    """Check a token as `read_access` does and return the id of the sign-in that waits. Raises TokenRefused."""
    return _number(_read(token, kind="2fa_pending"), "pid")


def _number(payload: dict[str, Any], claim: str) -> int:
    """Return a claim as it was minted: neither a truth value, nor a fraction, nor infinity. Raises TokenRefused."""
    value = payload.get(claim)
    if type(value) is not int:
        raise TokenRefused
    return value


def _mint(claims: dict[str, Any], *, kind: str, lifetime: timedelta) -> str:
    kid, backend = next(iter(_configured().items()))
    now = int(time.time())
    payload = {
        **claims,
        "typ": kind,
        "iat": now,
        "exp": now + int(lifetime.total_seconds()),
        "iss": backend.issuer,
        "aud": backend.audience,
    }
    # The backend's own `encode` cannot name the key.
    key = backend.prepared_signing_key
    return jwt.encode(payload, key, algorithm=backend.algorithm, headers={"kid": kid})


def _read(token: str, *, kind: str) -> dict[str, Any]:
    try:
        backend = _configured()[_kid_of(token)]
        payload: dict[str, Any] = backend.decode(token)  # type: ignore[arg-type]  # a string at run time, too
    except (
        jwt.PyJWTError,
        TokenBackendError,
        AttributeError,
        KeyError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise TokenRefused from error
    if payload.get("typ") != kind:
        raise TokenRefused
    # The library checks `exp` only where there is one, and reads more than numbers as a time.
    _number(payload, "exp")
    return payload


def _kid_of(token: str) -> str:
    """Return the key that a token names, if its form is that of ours. Raises ValueError.

    The library reads around what it does not know. Ours are short, have three fields in their header and no name twice,
    so that nothing in a token is there to be read differently by somebody else.
    """
    if len(token) > _LONGEST or not _SHAPE.fullmatch(token):
        raise ValueError("The form is not that of a token.")
    header, payload = (
        json.loads(base64url_decode(part), object_pairs_hook=_unambiguous)
        for part in token.split(".")[:2]
    )
    if header.keys() != _HEADER or not isinstance(payload, dict):
        raise ValueError("The header is not that of a token of ours.")
    return str(header["kid"])


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("A name stands there twice.")
    return members
