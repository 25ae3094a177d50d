"""An authenticator in software: answers WebAuthn's questions as a device and its browser do, and lies where a test asks."""

import hashlib
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from django.utils import timezone
from webauthn.helpers import encode_cbor

from accounts.models import Passkey, User
from accounts.services import passkeys

ORIGIN = "http://testserver"
SITE = "testserver"
PRESENT, VERIFIED, ELIGIBLE, SYNCED, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class ES256:
    """Elliptic curves over P-256, as most devices have it."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())

    def public(self) -> dict[int, Any]:
        """Return the public key as COSE writes it."""
        numbers = self.private.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}

    def sign(self, data: bytes) -> bytes:
        """Return a signature."""
        return self.private.sign(data, ec.ECDSA(hashes.SHA256()))


class EdDSA:
    """Ed25519."""

    def __init__(self) -> None:
        self.private = ed25519.Ed25519PrivateKey.generate()

    def public(self) -> dict[int, Any]:
        """Return the public key as COSE writes it."""
        return {1: 1, 3: -8, -1: 6, -2: self.private.public_key().public_bytes_raw()}

    def sign(self, data: bytes) -> bytes:
        """Return a signature."""
        return self.private.sign(data)


class RS256:
    """RSA, as older Windows machines have it."""

    def __init__(self) -> None:
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def public(self) -> dict[int, Any]:
        """Return the public key as COSE writes it."""
        numbers = self.private.public_key().public_numbers()
        return {1: 3, 3: -257, -1: numbers.n.to_bytes(256), -2: numbers.e.to_bytes(3)}

    def sign(self, data: bytes) -> bytes:
        """Return a signature."""
        return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())


@dataclass
class Authenticator:
    """One device with one passkey. Each lie replaces what an honest device and browser would say."""

    key: Any = field(default_factory=ES256)
    credential_id: bytes = field(default_factory=lambda: os.urandom(16))
    count: int = 0
    handle: bytes | None = None

    def create(self, options: dict[str, Any], **lies: Any) -> dict[str, Any]:
        """Make the passkey that a site asks for."""
        self.handle = _bytes(options["user"]["id"])
        credential_id = lies.get("credential_id", self.credential_id)
        attested = b"\0" * 16 + len(credential_id).to_bytes(2) + credential_id
        attested += encode_cbor(lies.get("public_key", self.key.public()))
        data = self._data(ATTESTED, lies) + attested
        statement = lies.get("statement", {"fmt": "none", "attStmt": {}})
        response = {
            "clientDataJSON": _text(_client_data("webauthn.create", options, lies)),
            "attestationObject": _text(encode_cbor({**statement, "authData": data})),
            "transports": ["internal", "smoke-signal"],
        }
        return self._credential(response, lies)

    def sign(self, options: dict[str, Any], **lies: Any) -> dict[str, Any]:
        """Answer what a site asks for."""
        self.count = lies.get("count", self.count + 1)
        data = self._data(0, lies)
        client_data = _client_data("webauthn.get", options, lies)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest())
        handle = lies.get("handle", self.handle)
        response = {
            "clientDataJSON": _text(client_data),
            "authenticatorData": _text(data),
            "signature": _text(lies.get("signature", signature)),
            **({"userHandle": _text(handle)} if handle is not None else {}),
        }
        return self._credential(response, lies)

    def _data(self, flags: int, lies: dict[str, Any]) -> bytes:
        site = hashlib.sha256(lies.get("site", SITE).encode()).digest()
        flags |= lies.get("flags", PRESENT | VERIFIED)
        return site + bytes([flags]) + self.count.to_bytes(4)

    def _credential(self, response: dict[str, Any], lies: dict[str, Any]) -> dict[str, Any]:
        shown = _text(lies.get("shown_id", self.credential_id))
        return {
            "id": shown,
            "rawId": shown,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": response,
        }


def _client_data(kind: str, options: dict[str, Any], lies: dict[str, Any]) -> bytes:
    said = {
        "type": lies.get("type", kind),
        "challenge": lies.get("challenge", options["challenge"]),
        "origin": lies.get("origin", ORIGIN),
        "crossOrigin": lies.get("cross_origin", False),
    }
    return json.dumps(said).encode()


def enrolled(user: User, key: Any = None, name: str = "Laptop") -> tuple[Authenticator, Passkey]:
    """Return a device that can sign a person in, and the row of its passkey."""
    device = Authenticator(key or ES256())
    options = passkeys.begin_adding(user=user, at=timezone.now())
    added = passkeys.add(user=user, credential=device.create(options), name=name, at=timezone.now())
    return device, added.passkey
