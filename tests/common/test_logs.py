"""Nothing secret reaches the log."""

import logging

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
        ("nested", {"passwords": ["hunter2hunter2"], "private_key": "-----BEGIN"}),
        ("nested", [{"secret": {"value": "anything", "list": [["hunter2hunter2"]]}}]),
        ("signing_key", "anything"),
        ("db", {"passphrase": "anything", "passwd": "hunter2hunter2"}),
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
        "BEGIN",
    ):
        assert secret not in text


@pytest.mark.parametrize(
    "secret",
    [
        "h1dden-T0ken-of-43-characters_0123456789abc",
        "7k3fa-9bxqz-0n2pm-ek4w5-8tyv6",
        "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        "tollgate:hunter2-hunter2",
    ],
    ids=["token", "recovery code", "seed", "password in a URL"],
)
def test_shapes_are_found_in_the_middle_of_a_text(secret):
    text = f"see postgresql://{secret}@host/x" if ":" in secret else f"see {secret}."

    entry = logs.redact_secrets(None, "error", {"exception": text})

    assert secret not in entry["exception"]
    assert logs.REDACTED in entry["exception"]


def test_rows_that_the_database_refuses_are_not_repeated():
    text = 'null value in column "email"\nDETAIL:  Failing row contains (1, hash, a@b.c).\nnext'

    entry = logs.redact_secrets(None, "error", {"exception": text})

    assert entry["exception"] == 'null value in column "email"\nDETAIL:  [redacted]\nnext'


def test_what_a_request_brought_is_withheld_wherever_it_turns_up():
    body = {
        "email": "a@b.test",
        "password": "correct horse",
        "nested": [{"two_factor_code": "123456"}],
        "keys": {"primary_key": ["abcdef-1"]},
        "pin_code": "1234",
    }

    with logs.withholding():
        logs.withhold_from(body)
        entry = logs.redact_secrets(None, "error", {"exception": repr(body)})
    after = logs.redact_secrets(None, "error", {"exception": repr(body)})

    for secret in ("correct horse", "123456", "abcdef-1"):
        assert secret not in entry["exception"]
        assert secret in after["exception"]
    # Too short to be told from a word or a number that means something else.
    assert "'1234'" in entry["exception"]
    assert "a@b.test" in entry["exception"]


def test_what_is_configured_never_turns_up(settings):
    names = ("SECRET_KEY", "JWT_SIGNING_KEYS", "ENCRYPTION_KEYS", "KEY_PEPPERS")
    text = " ".join(repr(getattr(settings, name)) for name in names)

    entry = logs.redact_secrets(None, "error", {"event": text})

    values = [settings.SECRET_KEY]
    values += [entry.partition(":")[2] for name in names[1:] for entry in getattr(settings, name)]
    assert len(values) == 7
    assert not [value for value in values if value in entry["event"]]


def test_objects_are_written_out_before_they_are_looked_at():
    entry = logs.redact_secrets(
        None, "error", {"error": ValueError(f"no {KEY}"), "_record": object}
    )

    assert entry == {"error": "ValueError('no [redacted]')", "_record": object}


def test_djangos_request_is_left_out(rf):
    entry = logs.redact_secrets(None, "error", {"event": "x", "request": rf.get("/?a=secret")})

    assert entry == {"event": "x"}


def test_a_host_that_is_not_ours_is_a_refused_request_and_no_error(client, caplog):
    answer = client.get("/healthz", HTTP_HOST="scanner.example")

    assert answer.status_code == 400
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_plain_values_stay():
    entry = {"path": "/keys/", "status": 200, "monkey": "a", "list": [1, "b"]}

    assert logs.redact_secrets(None, "info", dict(entry)) == entry


def test_request_id_and_actor_are_added():
    facts = context.Context(request_id="r-12345678", actor=context.Actor(type="user", id=7))

    with context.use(facts):
        entry = logs.add_context(None, "info", {"event": "x"})

    assert entry == {"event": "x", "request_id": "r-12345678", "actor": "user:7"}
