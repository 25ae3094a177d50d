"""Nothing secret reaches the log."""

import pytest

from config.common import context, logs

KEY = "tg_live_" + "a" * 38


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("detail", f"key {KEY} refused"),
        ("detail", "tgs_" + "b" * 38),
        ("detail", "whsec_" + "c" * 32),
        ("detail", "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl"),
        ("path", "/verify-email/" + "d" * 43),
        ("password", "hunter2hunter2"),
        ("refresh_token", "anything"),
        ("nested", {"authorization": "Bearer x", "list": [KEY]}),
    ],
)
def test_secrets_are_replaced(name, value):
    entry = logs.redact_secrets(None, "info", {name: value})

    text = str(entry)
    assert logs.REDACTED in text
    for secret in (
        KEY,
        "b" * 38,
        "c" * 32,
        "d" * 43,
        "c2lnbmF0dXJl",
        "hunter2",
        "anything",
        "Bearer x",
    ):
        assert secret not in text


def test_plain_values_stay():
    entry = {"path": "/keys/", "status": 200, "monkey": "a", "list": [1, "b"]}

    assert logs.redact_secrets(None, "info", dict(entry)) == entry


def test_request_id_and_actor_are_added():
    facts = context.Context(request_id="r-12345678", actor=context.Actor(type="user", id=7))

    with context.use(facts):
        entry = logs.add_context(None, "info", {"event": "x"})

    assert entry == {"event": "x", "request_id": "r-12345678", "actor": "user:7"}
