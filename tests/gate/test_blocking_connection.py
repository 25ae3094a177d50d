"""The blocking connection against a real server that is silent, emptied, restarted or gone."""

import contextlib
import threading
import time

import pytest
import redis

from apikeys.gateway import script
from apikeys.gateway import wire as module
from apikeys.gateway.link import Address, LinkDown
from apikeys.gateway.wire import Wire
from tests import servers
from tests.doubles import patient
from tests.doubles.faults import Fault, faulty_way
from tests.patience import at_most, until

_MARKER = "t:run"
_TAKE = script.call(["t:b", "t:usage"], [script.TAKE, 1, 1, 0, b"", 0, 10_000_000, 20_000_000])


@pytest.fixture(autouse=True)
def client(valkey):
    """An observer, with the database emptied: no test finds the mark that another one left."""
    with redis.Redis(port=valkey.port, password=servers.PASSWORD, db=2) as observer:
        observer.flushdb()
        yield observer


def _answer(wire: Wire, *command: str):
    """Ask until there is an answer, whatever the machine does meanwhile."""

    def ask():
        with contextlib.suppress(LinkDown):
            return wire.ask(script.encode(*command))

    return until(ask)


def _wire_to(port: int, login: str = f":{servers.PASSWORD}") -> Wire:
    return Wire(Address.parse(f"redis://{login}@127.0.0.1:{port}/2"), _MARKER)


def test_an_emptied_server_is_given_the_script_again(valkey, client):
    wire = _wire_to(valkey.port)
    assert wire.ask(_TAKE)[:2] == [1, 1]

    client.script_flush()

    assert wire.ask(_TAKE)[:2] == [1, 0]
    assert wire.ask(_TAKE)[0] == 0


def test_a_connection_that_the_server_closed_is_replaced(valkey, client):
    wire = _wire_to(valkey.port)
    wire.ask(script.encode("CLIENT", "SETNAME", "mine"))

    client.client_kill_filter(_type="normal", skipme=True)
    time.sleep(0.15)

    assert wire.ask(script.encode("CLIENT", "GETNAME")) is None
    assert wire.ask(script.encode("ECHO", "still")) == b"still"


def test_a_connection_that_answered_a_moment_ago_is_believed_in_and_given_up_when_it_lied(
    valkey, client, monkeypatch
):
    monkeypatch.setattr(module, "_BELIEVED_SECONDS", 3600)
    monkeypatch.setattr(module, "_BACK_OFF_SECONDS", 0)
    wire = _wire_to(valkey.port)
    _answer(wire, "CLIENT", "SETNAME", "mine")

    client.client_kill_filter(_type="normal", skipme=True)

    with pytest.raises(LinkDown):
        wire.ask(script.encode("CLIENT", "GETNAME"))
    assert _answer(wire, "ECHO", "again") == b"again"
    assert wire.ask(script.encode("CLIENT", "GETNAME")) is None


def test_silence_is_borne_for_a_quarter_second_and_then_nobody_tries(valkey, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", patient.REDIS_SECONDS)
    with faulty_way(valkey.port) as way:
        wire = _wire_to(way.port)
        _answer(wire, "PING")
        way.break_by(Fault.SWALLOWED)

        monkeypatch.setattr(module, "_BACK_OFF_SECONDS", 3600)
        began = time.monotonic()
        with at_most(1), pytest.raises(LinkDown):
            wire.ask(script.encode("PING"))
        took = time.monotonic() - began
        with pytest.raises(LinkDown, match="a moment ago"):
            wire.ask(script.encode("PING"))
        way.heal()
        monkeypatch.setattr(module, "monotonic", lambda: time.monotonic() + 3600)
        healed = _answer(wire, "PING")

    assert took > 0.2
    assert healed == b"PONG"


def test_a_reply_that_came_too_late_is_nobody_elses(valkey, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", patient.REDIS_SECONDS)
    with faulty_way(valkey.port) as way:
        wire = _wire_to(way.port)
        _answer(wire, "PING")
        way.break_by(Fault.SLOW)
        with pytest.raises(LinkDown):
            wire.ask(script.encode("ECHO", "late"))
        way.heal()
        time.sleep(0.6)

        assert _answer(wire, "ECHO", "mine") == b"mine"


def test_an_error_of_one_command_leaves_the_connection(valkey, client):
    wire = _wire_to(valkey.port)
    client.set("text", "x")

    with pytest.raises(LinkDown, match="not an integer"):
        wire.ask(script.encode("INCR", "text"))

    assert wire.ask(script.encode("PING")) == b"PONG"


def test_each_thread_has_a_connection_of_its_own(valkey):
    wire = _wire_to(valkey.port)
    ids: list[int] = []

    def ask() -> None:
        first, second = (wire.ask(script.encode("CLIENT", "ID")) for _ in range(2))
        assert first == second
        ids.append(first)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(ids)) == 4


def test_a_wrong_password_is_a_link_that_is_down(valkey):
    wire = Wire(Address(host="127.0.0.1", port=valkey.port, password="wrong"), _MARKER)

    with pytest.raises(LinkDown):
        wire.ask(script.encode("PING"))


def test_counters_of_an_earlier_run_are_not_counted_on(valkey, client, monkeypatch):
    monkeypatch.setattr(module, "_BACK_OFF_SECONDS", 0)
    wire = _wire_to(valkey.port)
    client.set(_MARKER, "an earlier run")

    with pytest.raises(LinkDown, match="an earlier run"):
        wire.ask(_TAKE)
    taken = client.exists("t:b")
    client.set(_MARKER, client.info("server")["run_id"])

    assert not taken
    assert wire.ask(_TAKE)[:2] == [1, 1]


def test_a_server_without_a_mark_came_back_empty_and_is_counted_on(valkey, client):
    assert not client.exists(_MARKER)

    assert _wire_to(valkey.port).ask(_TAKE)[:2] == [1, 1]


def test_a_server_that_does_not_tell_its_run_is_believed(valkey, client):
    client.acl_setuser("blind", enabled=True, passwords=["+x"], commands=["+@all", "-info"], keys=["*"])  # fmt: skip
    client.set(_MARKER, "an earlier run")

    assert _wire_to(valkey.port, "blind:x").ask(_TAKE)[:2] == [1, 1]
