"""The protocol front end: clients that are slow, that do not read, or that leave."""

import contextlib
import select
import signal
import socket
import time

import pytest

from tests.gate.wire import asked, plain, wire
from tests.patience import at_most, until


@pytest.fixture(scope="module")
def impatient(start_gate):
    """A gate that waits one second for a head, for a body and for the next request, and keeps nothing for longer."""
    return start_gate(
        HEAD_SECONDS="1", BODY_SECONDS="1", UVICORN_TIMEOUT_KEEP_ALIVE="1", FORGET_SECONDS="1"
    )


def test_a_client_that_leaves_is_not_written_to(gate, secret):
    with wire(gate) as client:
        client.send(plain("/slow") + asked(secret))
        time.sleep(0.1)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    time.sleep(0.7)

    assert "Traceback" not in gate.log.read_text()


def _told_and_closed(gate, request: bytes, *, slowly: bool = False) -> tuple[list[int], bool]:
    """Ask and return the status of the answer, if there was one, and whether the gate hangs up afterwards."""
    with wire(gate) as client:
        for piece in [bytes([byte]) for byte in request] if slowly else [request]:
            client.send(piece)
            if slowly and select.select([client.socket], [], [], 0.1)[0]:
                break
        return client.statuses(1), client.is_closed()


# A machine that stands still between connecting and asking makes every question one that never came: the impatient gate
# hangs up without a word, and is asked again.


def test_slow_heads_are_dropped(impatient, secret):
    assert _told_and_closed(impatient, b"") == ([], True)
    until(lambda: _told_and_closed(impatient, asked(secret)[:40], slowly=True) == ([408], True))


def test_slow_bodies_are_dropped(impatient, secret):
    ours = asked(secret, "Content-Length: 10", method="POST") + b"x"
    other = plain("/echo", "Content-Length: 10", method="POST") + b"x"

    until(lambda: _told_and_closed(impatient, ours) == ([408], True))
    assert _told_and_closed(impatient, other) == ([], True)


def test_idle_connections_are_closed(impatient, secret):
    until(lambda: _told_and_closed(impatient, asked(secret)) == ([204], True))
    until(lambda: _told_and_closed(impatient, plain("/echo")) == ([200], True))


def test_questions_are_forgotten_in_time(impatient, secret):
    until(lambda: _told_and_closed(impatient, asked(secret)) == ([204], True))

    until(lambda: impatient.metrics()["tollgate_gate_known_questions"] == 0)


def test_slow_clients_do_not_hold_up_others(impatient, gate, secret):
    with contextlib.ExitStack() as slow:
        for _ in range(50):
            slow.enter_context(wire(gate)).send(asked(secret)[:30])
        with wire(gate) as client, at_most(2):
            for _ in range(20):
                client.send(asked(secret))
                assert client.statuses(1) == [204]


def test_client_that_does_not_read_is_not_read_either(gate, secret):
    with wire(gate) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.socket.settimeout(1)
        sent = 0
        try:
            while sent < 50_000_000:
                sent += client.socket.send(asked("") * 100)
        except TimeoutError:
            pass

    assert sent < 50_000_000


def test_client_that_leaves_does_no_harm(gate, secret):
    for _ in range(20):
        with wire(gate) as client:
            client.send(asked(secret) * 10 + plain("/echo"))
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    with wire(gate) as client:
        client.send(asked(secret))
        assert client.statuses(1) == [204]
    assert "Traceback" not in gate.log.read_text()


def test_stop_lets_requests_finish(start_gate, secret, tmp_path):
    hold = tmp_path / "hold"
    hold.touch()
    stopping = start_gate(HELD_BY=str(hold))
    with wire(stopping) as client, wire(stopping) as idle:
        for either in (idle, client):
            either.send(asked(secret))
            assert either.statuses(1) == [204]
        client.send(plain("/held"))
        until(lambda: stopping.metrics()["held_requests"] == 1)

        stopping.process.send_signal(signal.SIGTERM)

        assert idle.is_closed()
        hold.unlink()
        assert client.statuses(1) == [200]
        assert client.is_closed()
    assert stopping.process.wait(60) in {0, -signal.SIGTERM}
