"""Signatures over the heads of chains: Ed25519, under a key with an id. Pure, but for the configured keys."""

import base64
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from config.common import keyring

_PURPOSE = b"tollgate audit seals"
_DERIVED = "derived-"


class UnknownKey(LookupError):
    """No configured key has this id."""


def statement_of(
    *,
    chain: int,
    sequence: int,
    digest: bytes,
    kind: str,
    leftover: list[Any],
    sealed_at: datetime,
    key_id: str,
) -> bytes:
    """Return what a signature covers: the seal's canonical JSON."""
    content = {
        "chain": chain,
        "sequence": sequence,
        "hash": digest.hex(),
        "kind": kind,
        "leftover": leftover,
        "sealed_at": sealed_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "key_id": key_id,
    }
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def newest_key() -> str:
    """Return the id of the key that signs."""
    return next(iter(_keys()))


def key_ids() -> list[str]:
    """Return the ids of all keys that signatures are checked with, the one that signs first."""
    return list(_keys())


def is_derived(key_id: str) -> bool:
    """Whether a key comes of a secret key, with which it would be lost."""
    return key_id.startswith(_DERIVED)


def sign(statement: bytes, *, key_id: str) -> bytes:
    """Sign with a configured key."""
    return _keys()[key_id].sign(statement)


def is_signed(statement: bytes, signature: bytes, *, key_id: str) -> bool:
    """Whether a signature is ours. Raises UnknownKey when its key is not configured."""
    try:
        public_key(key_id).verify(signature, statement)
    except InvalidSignature:
        return False
    return True


def public_key(key_id: str) -> Ed25519PublicKey:
    """Return the key that others check our signatures with. Raises UnknownKey."""
    key = _keys().get(key_id)
    if key is None:
        raise UnknownKey(key_id)
    return key.public_key()


def _keys() -> dict[str, Ed25519PrivateKey]:
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return _read(tuple(settings.AUDIT_SIGNING_KEYS), secrets)


@lru_cache(maxsize=8)
def _read(configured: tuple[str, ...], secrets: tuple[str, ...]) -> dict[str, Ed25519PrivateKey]:
    """Return the keys by id, the one that signs first: those configured, then those derived from secret keys."""
    keys = {
        key_id: Ed25519PrivateKey.from_private_bytes(base64.b64decode(value))
        for key_id, value in keyring.by_id(configured).items()
    }
    return keys | dict(_derived(secret) for secret in secrets)


def _derived(secret: str) -> tuple[str, Ed25519PrivateKey]:
    seed = HKDF(algorithm=SHA256(), length=40, salt=None, info=_PURPOSE).derive(secret.encode())
    # The id tells nothing of the key: it is made of other bytes.
    return f"{_DERIVED}{seed[32:].hex()}", Ed25519PrivateKey.from_private_bytes(seed[:32])
