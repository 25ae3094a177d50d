"""Digests of secrets and versioned encryption at rest."""

import base64
import hashlib
import hmac
import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from config.common import keyring

_NONCE_BYTES = 12


class CannotDecrypt(Exception):
    """The text was made with a key that is not configured, for another purpose, or was changed."""


def new_token() -> str:
    """Return a secret for a link or a refresh token: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """Return the SHA-256 digest of a high-entropy token; such tokens need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def equal(left: bytes, right: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left, right)


@lru_cache(maxsize=8)
def _keys(configured: tuple[str, ...]) -> dict[str, bytes]:
    return {kid: base64.b64decode(key) for kid, key in keyring.by_id(configured).items()}


def encrypt(text: str, *, purpose: str) -> str:
    """Encrypt with the newest key (AES-256-GCM); the result names the key, and `purpose` is bound to it."""
    keys = _keys(tuple(settings.ENCRYPTION_KEYS))
    kid = newest_key()
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(keys[kid]).encrypt(nonce, text.encode(), f"{kid}:{purpose}".encode())
    return f"{kid}:{base64.b64encode(nonce + sealed).decode()}"


def decrypt(text: str, *, purpose: str) -> str:
    """Decrypt what `encrypt` made with any configured key. Raises CannotDecrypt."""
    kid, _, body = text.partition(":")
    key = _keys(tuple(settings.ENCRYPTION_KEYS)).get(kid)
    if key is None:
        raise CannotDecrypt(f"No encryption key is called {kid!r}.")
    try:
        raw = base64.b64decode(body, validate=True)
        plain = AESGCM(key).decrypt(
            raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], f"{kid}:{purpose}".encode()
        )
    except (InvalidTag, ValueError):
        raise CannotDecrypt("The text was changed, or was encrypted for something else.") from None
    return plain.decode()


def key_ids() -> list[str]:
    """Return the ids of the configured keys, newest first."""
    return list(_keys(tuple(settings.ENCRYPTION_KEYS)))


def newest_key() -> str:
    """Return the id of the key that encrypts."""
    return key_ids()[0]
