"""Signatures: the standard's own vector, its own library, Ed25519, and the key set."""

import base64
import hashlib
import json
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook as Oracle
from standardwebhooks.webhooks import WebhookVerificationError

from webhooks import signing

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_the_standards_vector():
    body = b'{"test": 2432232314}'

    signed = signing.signature([SECRET], message_id=ID, timestamp=1614265330, body=body)

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_new_secrets_have_256_bits_and_are_all_different():
    made = {signing.new_shared_secret() for _ in range(100)}

    assert len(made) == 100
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in made} == {32}


def test_each_secret_adds_a_signature_that_the_library_accepts():
    old, new = signing.new_shared_secret(), signing.new_shared_secret()
    now = int(datetime.now(UTC).timestamp())
    headers = {"webhook-id": ID, "webhook-timestamp": str(now)}
    headers["webhook-signature"] = signing.signature(
        [new, old], message_id=ID, timestamp=now, body=b"{}"
    )

    assert headers["webhook-signature"].count(" ") == 1
    Oracle(old).verify(b"{}", headers)
    Oracle(new).verify(b"{}", headers)
    with pytest.raises(WebhookVerificationError):
        Oracle(signing.new_shared_secret()).verify(b"{}", headers)
    with pytest.raises(WebhookVerificationError):
        Oracle(new).verify(b'{"a": 1}', headers)


def test_an_ed25519_signature_is_verified_with_the_public_half():
    private, public = signing.new_private_key()

    version, _, value = signing.signature(
        [private], message_id=ID, timestamp=7, body=b"{}"
    ).partition(",")

    assert version == "v1a"
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public))
    key.verify(base64.b64decode(value), f"{ID}.7.".encode() + b"{}")
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(value), f"{ID}.8.".encode() + b"{}")


def test_a_public_key_is_told_as_a_jwk():
    _, public = signing.new_private_key()

    told = signing.jwk(public)

    padded = told["x"] + "=" * (-len(told["x"]) % 4)
    assert base64.urlsafe_b64decode(padded) == base64.b64decode(public)
    # The thumbprint of RFC 7638: required members only, in the order of their names.
    members = json.dumps({name: told[name] for name in ("crv", "kty", "x")}, separators=(",", ":"))
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest())
    assert told["kid"] == thumbprint.rstrip(b"=").decode()
    assert (told["kty"], told["crv"], told["alg"], told["use"]) == (
        "OKP",
        "Ed25519",
        "EdDSA",
        "sig",
    )
