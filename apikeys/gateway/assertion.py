"""The signed statement that the gate let a call pass, for upstreams that want to trust it (EdDSA JWT, JWKS)."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config.common import keyring

LIFETIME_SECONDS: Final = 60
_INFO: Final = b"tollgate gateway assertion"


def _encode(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _thumbprint(key: Ed25519PrivateKey) -> str:
    """Return the RFC 7638 thumbprint of the public key."""
    members = b'{"crv":"Ed25519","kty":"OKP","x":"%b"}' % _encode(_public(key))
    return _encode(hashlib.sha256(members).digest()).decode()


class Signer:
    """Signs with the newest key and publishes all of them.

    Keys are `kid:base64-of-32-bytes`, newest first; without any, one is derived from the secret key, so that all
    processes of an installation share it.
    """

    def __init__(self, configured: tuple[str, ...], secret_key: str, issuer: str) -> None:
        self._keys: dict[str, Ed25519PrivateKey] = {}
        self._issuer = issuer
        for kid, seed in keyring.by_id(configured).items():
            self._keys[kid] = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed))
        if not self._keys:
            kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO)
            key = Ed25519PrivateKey.from_private_bytes(kdf.derive(secret_key.encode()))
            self._keys[_thumbprint(key)] = key
        self._kid = next(iter(self._keys))
        header = orjson.dumps({"alg": "EdDSA", "kid": self._kid, "typ": "JWT"})
        self._header = _encode(header)

    def sign(self, claims: Mapping[str, Any], now: int) -> bytes:
        """Return a token of these claims that is good for a minute."""
        timed = {"iss": self._issuer, "iat": now, "exp": now + LIFETIME_SECONDS, **claims}
        message = self._header + b"." + _encode(orjson.dumps(timed))
        return message + b"." + _encode(self._keys[self._kid].sign(message))

    def jwks(self) -> bytes:
        """Return the key set for `/.well-known/jwks.json`."""
        keys = [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": _encode(_public(key)).decode(),
                "kid": kid,
                "alg": "EdDSA",
                "use": "sig",
            }
            for kid, key in self._keys.items()
        ]
        return orjson.dumps({"keys": keys})
