"""Signatures: the standard's own vector, its own library, Ed25519, and the key set."""

import base64
import hashlib
import json
import shutil
import subprocess
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


# What DER puts before the 32 bytes of a private and a public key (RFC 8410).
PRIVATE_DER = bytes.fromhex("302e020100300506032b657004220420")
PUBLIC_DER = bytes.fromhex("302a300506032b6570032100")


def pem(kind, der):
    encoded = base64.b64encode(der).decode()
    return f"-----BEGIN {kind} KEY-----\n{encoded}\n-----END {kind} KEY-----\n"


def openssl(folder, *arguments):
    return subprocess.run(
        ["openssl", *arguments], cwd=folder, capture_output=True, check=False, timeout=200
    )


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL is not installed")
def test_openssl_makes_and_verifies_the_same_ed25519_signature(tmp_path):
    private, public = signing.new_private_key()
    body = "Grüße".encode() * 1_000
    _, _, value = signing.signature([private], message_id=ID, timestamp=7, body=body).partition(",")
    seed = base64.b64decode(private.removeprefix("whsk_"))
    (tmp_path / "private.pem").write_text(pem("PRIVATE", PRIVATE_DER + seed))
    (tmp_path / "public.pem").write_text(pem("PUBLIC", PUBLIC_DER + base64.b64decode(public)))
    (tmp_path / "content").write_bytes(f"{ID}.7.".encode() + body)
    (tmp_path / "forged").write_bytes(f"{ID}.8.".encode() + body)
    (tmp_path / "signature").write_bytes(base64.b64decode(value))

    made = openssl(
        tmp_path, *["pkeyutl", "-sign", "-inkey", "private.pem", "-rawin", "-in", "content"]
    )
    verify = [
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "public.pem",
        "-rawin",
        "-sigfile",
        "signature",
        "-in",
    ]

    assert made.stdout == base64.b64decode(value)
    assert openssl(tmp_path, *verify, "content").returncode == 0
    assert openssl(tmp_path, *verify, "forged").returncode != 0


_VERIFY_BY_JWK = """
const { jwk, cases } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const { createPublicKey, verify } = require("crypto");
const key = createPublicKey({ key: jwk, format: "jwk" });
const told = cases.map(([content, value]) =>
  verify(null, Buffer.from(content), key, Buffer.from(value, "base64")));
console.log(JSON.stringify(told));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_node_verifies_by_the_published_key():
    private, public = signing.new_private_key()
    other, _ = signing.new_private_key()
    values = [
        signing.signature([key], message_id=ID, timestamp=7, body="Grüße".encode())[4:]
        for key in (private, other)
    ]
    content = f"{ID}.7.Grüße"
    cases = [(content, values[0]), (f"{content} ", values[0]), (content, values[1])]

    told = subprocess.run(
        ["node", "-e", _VERIFY_BY_JWK],
        input=json.dumps({"jwk": signing.jwk(public), "cases": cases}),
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )

    assert json.loads(told.stdout) == [True, False, False]


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
