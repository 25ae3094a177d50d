"""The programs that we hand out verify what we send, and refuse what we did not; each runs in its own language."""

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
# Go is too large to be installed for one test; where there is one, it builds what is handed out.
GO = [pytest.param("Go", "symmetric", marks=pytest.mark.trial)] if shutil.which("go") else []
LANGUAGES = [
    ("Python", "symmetric"),
    ("Node.js", "symmetric"),
    ("PHP", "symmetric"),
    ("Python", "ed25519"),
    ("Node.js", "ed25519"),
]

_PYTHON = """
import json, sys
{code}
print(json.dumps([is_genuine(one["headers"], one["body"].encode()) for one in json.load(sys.stdin)]))
"""
_NODE = """
{code}
let text = "";
for await (const piece of process.stdin) text += piece;
const told = JSON.parse(text).map(({{ headers, body }}) => isGenuine(headers, Buffer.from(body)));
console.log(JSON.stringify(told));
"""
_GO = """package main

import (
	"encoding/json"
	"net/http"
	"os"

	"receiver/hooks"
)

func main() {
	var cases []struct {
		Headers map[string]string
		Body    string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	told := []bool{}
	for _, one := range cases {
		header := http.Header{}
		for name, value := range one.Headers {
			header.Set(name, value)
		}
		told = append(told, hooks.IsGenuine(header, []byte(one.Body)))
	}
	json.NewEncoder(os.Stdout).Encode(told)
}
"""
_PHP = """{code}
$cases = json_decode(file_get_contents('php://stdin'), true);
echo json_encode(array_map(fn($one) => is_genuine($one['headers'], $one['body']), $cases));
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
    version, _, value = good["webhook-signature"].partition(",")
    both = f"{foreign['webhook-signature']} v9,eA== {good['webhook-signature']}"
    return [
        (good, BODY, True),
        ({**good, "webhook-signature": both}, BODY, True),
        (good, BODY + b" ", False),
        (foreign, BODY, False),
        (headers(secret, at=time.time() - 3600), BODY, False),
        (headers(secret, at=time.time() + 3600), BODY, False),
        ({**good, "webhook-id": "msg_2"}, BODY, False),
        ({**good, "webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}, BODY, False),
        *(({**good, "webhook-timestamp": text}, BODY, False) for text in ("", "soon", "9" * 400)),
        *(
            ({**good, "webhook-signature": text}, BODY, False)
            for text in ("", version, f"{version},", f"{version},é", value, f"v9,{value}")
        ),
        *(
            ({name: text for name, text in good.items() if name != left_out}, BODY, False)
            for left_out in good
        ),
    ]


def program_of(label, signature, folder):
    """Write a program around what we hand out, and return the command that runs it."""
    code = next(one.code for one in snippets.verification(signature) if one.label == label)
    if label == "Python":
        return [sys.executable, _written(folder / "receiver.py", _PYTHON.format(code=code))]
    if label == "Node.js":
        return [_tool("node"), _written(folder / "receiver.mjs", _NODE.format(code=code))]
    if label == "PHP":
        strict = ["-n", "-d", "error_reporting=-1", "-d", "display_errors=stderr"]
        return [
            _tool("php"),
            *strict,
            _written(folder / "receiver.php", _PHP.replace("{code}", code)),
        ]
    return [_built(code, folder)]


def _built(code, folder):
    (folder / "hooks").mkdir()
    _written(folder / "hooks" / "hooks.go", code)
    _written(folder / "main.go", _GO)
    _written(folder / "go.mod", "module receiver\n\ngo 1.19\n")
    built = subprocess.run(
        ["go", "build", "-o", "receiver", "."],
        cwd=folder,
        env={**os.environ, "GOPROXY": "off"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert built.returncode == 0, built.stderr
    return folder / "receiver"


def _tool(name):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def answers_of(command, given, secret=SHARED):
    found = subprocess.run(
        command,
        input=json.dumps([{"headers": one[0], "body": one[1].decode()} for one in given]),
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "WEBHOOK_SECRET": secret, "WEBHOOK_PUBLIC_KEY": PUBLIC},
    )
    assert (found.returncode, found.stderr) == (0, "")
    return json.loads(found.stdout)


@pytest.mark.parametrize(("label", "signature"), [*LANGUAGES, *GO])
def test_programs_tell_genuine_from_forged(label, signature, tmp_path):
    command = program_of(label, signature, tmp_path)
    given = cases(PRIVATE if signature == "ed25519" else SHARED)

    assert answers_of(command, given) == [truth for *_, truth in given]
    if signature == "symmetric":
        # A setting that was forgotten is no key that anybody may sign with.
        assert answers_of(command, [(headers("whsec_"), BODY)], secret="whsec_") == [False]
        assert answers_of(command, [(headers("whsec_"), BODY)], secret="") == [False]


def test_every_program_is_run_somewhere():
    handed_out = {
        (one.label, signature)
        for signature in ("symmetric", "ed25519")
        for one in snippets.verification(signature)
    }

    assert handed_out == {*LANGUAGES, ("Go", "symmetric"), ("curl and OpenSSL", "symmetric")}


def test_the_shell_tells_genuine_from_forged(tmp_path):
    code = next(one.code for one in snippets.verification("symmetric") if "curl" in one.label)
    given = [one for one in cases(SHARED) if len(one[0]) == 3]
    told = []

    for heard, body, _ in given:
        (tmp_path / "body.json").write_bytes(body)
        told.append(said_by_shell(code, heard, tmp_path))

    # It checks by hand what came in some time ago: that it is old or early is not looked at.
    aged = {4, 5}
    truths = [truth or number in aged for number, (*_, truth) in enumerate(given)]
    assert told == ["genuine" if truth else "forged" for truth in truths]


def said_by_shell(code, heard, folder):
    found = subprocess.run(
        ["sh", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        env={
            "PATH": os.environ["PATH"],
            "WEBHOOK_SECRET": SHARED,
            "WEBHOOK_ID": heard["webhook-id"],
            "WEBHOOK_TIMESTAMP": heard["webhook-timestamp"],
            "WEBHOOK_SIGNATURE": heard["webhook-signature"],
        },
    )
    return found.stdout.strip()


def test_the_document_holds_the_same_programs():
    document = DOCUMENT.read_text(encoding="utf-8")

    for signature in ("symmetric", "ed25519"):
        for one in snippets.verification(signature):
            assert one.code in document, one.label
