"""Requests that no client should send, to the gate's port and through it: refused or answered, never a 500, never two."""

import re
import socket
import threading
import time
from contextlib import suppress

import pytest

from tests.doubles.callers import Callers, ask_once, question
from tests.doubles.house import House
from tests.doubles.stack import Gate
from tests.patience import until

PATHS = ["/gateway/authorize", "/api/v1/keys/verify", "/api/v1/api-keys", "/healthz", "/login/"]


def talk(port: int, request: bytes, *, expected: int = 0) -> list[int]:
    """Send raw bytes and return the statuses of all answers until the server is silent or hangs up.

    For as many as are expected it is waited patiently; for what should not come, a moment.
    """
    statuses: list[int] = []
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with suppress(OSError):
            connection.sendall(request)
        with suppress(OSError):
            while True:
                is_owed = len(statuses) < expected
                connection.settimeout(60 if is_owed else 0.5 if statuses else 1)
                block = connection.recv(65536)
                if not block:
                    break
                answer += block
                statuses = [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]
    return statuses


def head(path: str, *lines: str) -> bytes:
    """Return the head of a POST."""
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


SMUGGLED = b"GET /gateway/authorize HTTP/1.1\r\nHost: x\r\n\r\n"
AMBIGUOUS = {
    "two lengths": head("{}", "Content-Length: 0", f"Content-Length: {len(SMUGGLED)}") + SMUGGLED,
    "a list of lengths": head("{}", f"Content-Length: 0, {len(SMUGGLED)}") + SMUGGLED,
    "a signed length": head("{}", f"Content-Length: +{len(SMUGGLED)}") + SMUGGLED,
    "length and chunks": head("{}", "Content-Length: 6", "Transfer-Encoding: chunked")
    + b"0\r\n\r\n"
    + SMUGGLED,
    "chunks last but not only": head("{}", "Transfer-Encoding: chunked, identity")
    + b"0\r\n\r\n"
    + SMUGGLED,
    "a space before the colon": head("{}", "Content-Length : 44") + SMUGGLED,
    "a folded header": head("{}", "Transfer-Encoding:", " chunked") + b"0\r\n\r\n" + SMUGGLED,
    "vertical tab in the coding": head("{}", "Transfer-Encoding: \x0bchunked")
    + b"0\r\n\r\n"
    + SMUGGLED,
    "a chunk size with a sign": head("{}", "Transfer-Encoding: chunked")
    + b"-1\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("trick", AMBIGUOUS)
def test_a_message_without_a_clear_end_is_the_last(
    trick: str, path: str, gates: list[Gate]
) -> None:
    request = AMBIGUOUS[trick].replace(b"{}", path.encode())

    statuses = talk(gates[0].port, request)

    assert len(statuses) <= 1, f"{trick} was read as two requests: {statuses}"
    assert 500 not in statuses


MALFORMED = {
    "no host": b"GET /{} HTTP/1.1\r\n\r\n",
    "two hosts": b"GET {} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "NUL in a header": b"GET {} HTTP/1.1\r\nHost: a\r\nX-API-Key: a\x00b\r\n\r\n",
    "CR in a header": b"GET {} HTTP/1.1\r\nHost: a\r\nX-API-Key: a\rX-Org-Id: 1\r\n\r\n",
    "control characters in the path": b"GET {}\x01\x02 HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes beyond ASCII": b"GET {}?\xff\xfe=\xc3\x28 HTTP/1.1\r\nHost: a\r\nX-API-Key: \xff\xfe\r\n\r\n",
    "no version": b"GET {}\r\n\r\n",
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    "an unknown method": b"BREW {} HTTP/1.1\r\nHost: a\r\n\r\n",
    "a long method": b"A" * 5_000 + b" {} HTTP/1.1\r\nHost: a\r\n\r\n",
    "an endless path": b"GET {}" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "an endless header": b"GET {} HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    "endless headers": b"GET {} HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    "a huge length": b"POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "a huge chunk": b"POST {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "an absolute address": b"GET http://evil.test{} HTTP/1.1\r\nHost: a\r\n\r\n",
    "a bare line feed": b"GET {} HTTP/1.1\nHost: a\n\n",
    "empty lines only": b"\r\n" * 1_000,
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("what", MALFORMED)
def test_nonsense_is_answered_without_a_500(
    what: str, path: str, house: House, gates: list[Gate]
) -> None:
    statuses = talk(gates[0].port, MALFORMED[what].replace(b"{}", path.encode()))

    assert len(statuses) <= 1
    assert not [status for status in statuses if status in {204, 500, 502}]
    assert gates[0].process is not None
    assert gates[0].process.poll() is None


def test_pipelined_questions_are_answered_in_order(house: House, gates: list[Gate]) -> None:
    good, bad = house.key().secret, "tg_live_" + "0" * 38
    order = [good, bad, bad, good, good, bad] * 20

    statuses = talk(
        gates[0].port,
        b"".join(question(key, f"pipelined-{n:04d}") for n, key in enumerate(order)),
        expected=len(order),
    )

    assert statuses == [204 if key == good else 401 for key in order]


def test_a_question_in_single_bytes_is_answered(house: House, gates: list[Gate]) -> None:
    request = question(house.key().secret, "byte-by-byte-1")
    with socket.create_connection(("127.0.0.1", gates[0].port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for position in range(len(request)):
            connection.sendall(request[position : position + 1])
        answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 204 ")


def test_slow_clients_do_not_slow_the_others_down(house: House, gates: list[Gate]) -> None:
    port, key = gates[1].port, house.key().secret

    # A busy machine makes some windows of a second say nothing; where slow clients slow others down, all of them do.
    until(lambda: _is_as_quick_in_a_crowd(port, key), seconds=100)

    assert ask_once(port, key).status == 204


def _is_as_quick_in_a_crowd(port: int, key: str) -> bool:
    alone = _p95(port, key)
    held = []
    for number in range(300):
        connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        path = PATHS[number % len(PATHS)]
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n".encode())
        held.append(connection)

    dripping = threading.Thread(target=_drip, args=(held, 1.2))
    dripping.start()
    crowded = _p95(port, key)
    dripping.join()

    for connection in held:
        connection.close()
    return crowded < max(2 * alone, 0.02)


def _p95(port: int, secret: str) -> float:
    callers = Callers([port], [secret])
    callers.pace = 0.01
    answers = callers.for_seconds(1, connections=4).answers
    assert {seen.status for seen in answers} == {204}
    return sorted(seen.got_at - seen.sent_at for seen in answers)[int(len(answers) * 0.95)]


def _drip(held: list[socket.socket], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for connection in held:
            with suppress(OSError):
                connection.send(b"X")
        time.sleep(0.2)
