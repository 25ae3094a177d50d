"""Standard Webhooks 1.0: secrets, keys and signatures. Pure.

`whsec_` is a shared secret (HMAC-SHA256, `v1`), `whsk_` an Ed25519 private key and `whpk_` its public half (`v1a`).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SHARED, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
_SECRET_BYTES = 32


def new_shared_secret() -> str:
    """Return a secret that sender and receiver both know: 256 random bits."""
    return SHARED + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def new_private_key() -> tuple[str, str]:
    """Return a private key, which stays with us, and its public half in base64, without the prefix."""
    seed = secrets.token_bytes(_SECRET_BYTES)
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    return PRIVATE + base64.b64encode(seed).decode(), public


def shown_public_key(public_key: str) -> str:
    """Return a public key as the standard writes it."""
    return PUBLIC + public_key


def signature(
    secrets_in_force: Iterable[str], *, message_id: str, timestamp: int, body: bytes
) -> str:
    """Return the `webhook-signature` header: one signature per secret, the newest first, separated by spaces."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(_signed(secret, content) for secret in secrets_in_force)


def _signed(secret: str, content: bytes) -> str:
    if secret.startswith(PRIVATE):
        return "v1a," + base64.b64encode(_private(secret).sign(content)).decode()
    keyed = _shared(secret).copy()
    keyed.update(content)
    return "v1," + base64.b64encode(keyed.digest()).decode()


@lru_cache(maxsize=1024)
def _shared(secret: str) -> hmac.HMAC:
    # Copied for each signature, which costs less than to begin anew, and does not let go of the interpreter's lock.
    return hmac.new(base64.b64decode(secret.removeprefix(SHARED)), digestmod=hashlib.sha256)


@lru_cache(maxsize=1024)
def _private(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(secret.removeprefix(PRIVATE)))


def jwk(public_key: str) -> dict[str, str]:
    """Return a public key as a member of a JWK set; its id is the thumbprint of RFC 7638."""
    x = base64.urlsafe_b64encode(base64.b64decode(public_key)).rstrip(b"=").decode()
    canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()
    kid = base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x}
