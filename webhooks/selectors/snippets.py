"""How a receiver verifies a delivery, as texts to paste. The same texts are in the documentation."""

from functools import cache
from typing import NamedTuple

from django.template.loader import render_to_string

from webhooks.models import Signature


class Snippet(NamedTuple):
    """A program in one language."""

    language: str
    label: str
    code: str


_SYMMETRIC = (
    ("python.py", "Python"),
    ("node.mjs", "Node.js"),
    ("go.go", "Go"),
    ("php.php", "PHP"),
    ("shell.sh", "curl and OpenSSL"),
)
_ED25519 = (("ed25519.py", "Python"), ("ed25519.mjs", "Node.js"))


@cache
def verification(signature: str) -> tuple[Snippet, ...]:
    """Return the programs that verify deliveries signed in this way."""
    files = _ED25519 if signature == Signature.ED25519 else _SYMMETRIC
    return tuple(
        Snippet(
            file.replace(".", "-"), label, render_to_string(f"webhooks/snippets/{file}.txt").strip()
        )
        for file, label in files
    )
