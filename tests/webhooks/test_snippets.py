"""The programs that we hand out verify what we send, and refuse what we did not."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from webhooks import signing
from webhooks.selectors import snippets

BODY = b'{"test": 2432232314, "text": "Gr\xc3\xbc\xc3\x9fe"}'
SHARED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRIVATE, PUBLIC_KEY = signing.new_private_key()
PUBLIC = signing.shown_public_key(PUBLIC_KEY)
DOCUMENT = Path(__file__).parents[2] / "docs" / "webhooks.md"

_PYTHON = """
import json, sys
{code}
case = json.load(sys.stdin)
print(is_genuine(case["headers"], case["body"].encode()))
"""
_NODE = """
{code}
let text = "";
for await (const piece of process.stdin) text += piece;
const {{ headers, body }} = JSON.parse(text);
console.log(isGenuine(headers, Buffer.from(body)) ? "True" : "False");
"""


def headers(secret, *, at=None, body=BODY):
    seconds = int(at or time.time())
    signed = signing.signature([secret], message_id="msg_1", timestamp=seconds, body=body)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(seconds),
        "webhook-signature": signed,
    }


def cases(secret):
    """Return what is genuine and what is not: the headers, the body, and the truth."""
    other = signing.new_private_key()[0] if secret == PRIVATE else signing.new_shared_secret()
    good, foreign = headers(secret), headers(other)
    both = {
        **good,
        "webhook-signature": f"{foreign['webhook-signature']} v9,eA== {good['webhook-signature']}",
    }
    return [
        (good, BODY, True),
        (both, BODY, True),
        (good, BODY + b" ", False),
        (foreign, BODY, False),
        (headers(secret, at=time.time() - 3600), BODY, False),
        (headers(secret, at=time.time() + 3600), BODY, False),
        ({**good, "webhook-signature": "v1"}, BODY, False),
        ({**good, "webhook-id": "msg_2"}, BODY, False),
    ]


def answer_of(command, template, code, given, body, environment):
    found = subprocess.run(
        [*command, template.format(code=code)],
        input=json.dumps({"headers": given, "body": body.decode()}),
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **environment},
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.strip() == "True"


@pytest.mark.parametrize("signature", ["symmetric", "ed25519"])
@pytest.mark.parametrize("label", ["Python", "Node.js"])
def test_programs_tell_genuine_from_forged(signature, label):
    code = next(one.code for one in snippets.verification(signature) if one.label == label)
    secret = PRIVATE if signature == "ed25519" else SHARED
    environment = {"WEBHOOK_SECRET": SHARED, "WEBHOOK_PUBLIC_KEY": PUBLIC}
    if label == "Python":
        command, template = [sys.executable, "-c"], _PYTHON
    else:
        node = shutil.which("node")
        if node is None:
            pytest.skip("Node.js is not installed")
        command, template = [node, "--input-type=module", "-e"], _NODE

    told = [
        answer_of(command, template, code, given, body, environment)
        for given, body, _ in cases(secret)
    ]

    assert told == [truth for *_, truth in cases(secret)]


def test_the_shell_tells_genuine_from_forged(tmp_path):
    code = next(one.code for one in snippets.verification("symmetric") if "curl" in one.label)
    told = []

    for given, body, _ in cases(SHARED):
        (tmp_path / "body.json").write_bytes(body)
        found = subprocess.run(
            ["sh", "-c", code],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            env={
                "PATH": os.environ["PATH"],
                "WEBHOOK_SECRET": SHARED,
                "WEBHOOK_ID": given["webhook-id"],
                "WEBHOOK_TIMESTAMP": given["webhook-timestamp"],
                "WEBHOOK_SIGNATURE": given["webhook-signature"],
            },
        )
        told.append(found.stdout.strip())

    # It checks by hand what came in some time ago: the time is not looked at.
    truths = [True, True, False, False, True, True, False, False]
    assert told == ["genuine" if truth else "forged" for truth in truths]


def test_the_document_holds_the_same_programs():
    document = DOCUMENT.read_text(encoding="utf-8")

    for signature in ("symmetric", "ed25519"):
        for one in snippets.verification(signature):
            assert one.code in document, one.label
