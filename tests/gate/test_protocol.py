"""The protocol front end against hostile, clumsy and slow clients: no weaker than the server it extends."""

import contextlib
import select
import signal
import socket
import time

import orjson
import pytest

from tests.gate.wire import asked, plain, wire
from tests.patience import at_most, until

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: gate\r\n\r\n"


@pytest.fixture(scope="module")
def secret(house) -> str:
    """A key that may do everything."""
    return house.key(scopes=["*"]).secret


@pytest.fixture(scope="module")
def impatient(start_gate):
    """A gate that waits one second for a head, for a body and for the next request, and keeps nothing for longer."""
    return start_gate(
        HEAD_SECONDS="1", BODY_SECONDS="1", UVICORN_TIMEOUT_KEEP_ALIVE="1", FORGET_SECONDS="1"
    )


@pytest.fixture(scope="module")
def uvicorn_alone(start_gate):
    """The server without the gate's protocol."""
    return start_gate(is_plain_asgi=True, WITHOUT_ASGI_GATE="yes")


def test_connection_is_kept(gate, secret):
    with wire(gate) as client:
        for _ in range(3):
            client.send(asked(secret))
            assert client.statuses(1) == [204]


@pytest.mark.parametrize(
    "request_bytes",
    [
        plain("/a/b%20c?x=1&y=%2F", "X-Odd: \xe9", "x-odd: again", "Cookie: a=b; c=d"),
        plain("/upload", method="POST", body=b"x" * 100_000),
        plain("/upload", "Transfer-Encoding: chunked", method="PUT") + b"5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n",
        plain("/expect", "Expect: 100-continue", method="POST", body=b"hello"),
        b"GET /old HTTP/1.0\r\n\r\n",
        b"\r\n\r\n" + plain("/leading"),
        b"GET http://gate/absolute?x HTTP/1.1\r\nHost: gate\r\n\r\n",
        plain("/options", method="OPTIONS"),
        plain("/odd", method="PROPFIND"),
        plain("/" + "long" * 2000),
        plain("/gateway/authorize2"),
        plain("/gateway/"),
        plain("/api/v1/keys"),
    ],
)  # fmt: skip
def test_other_requests_pass_unchanged(gate, uvicorn_alone, request_bytes):
    seen = []
    for server in (gate, uvicorn_alone):
        with wire(server) as client:
            client.send(request_bytes, piece=50_000)
            response = client.response()
            if response.status == 100:
                response = client.response()
            assert response.status == 200
            seen.append(orjson.loads(response.body))

    assert seen[0] == seen[1]


def test_websockets_pass(gate):
    with wire(gate) as client:
        client.send(
            plain("/socket", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        )  # fmt: skip
        assert client.response().status == 101
        assert client._until(b"hello") is not None


@pytest.mark.parametrize("path", ["/gateway/%61uthorize", "http://gate/gateway/authorize"])
def test_other_spellings_of_our_paths_are_ours(gate, secret, path):
    with wire(gate) as client:
        client.send(asked(secret, path=path))
        assert client.statuses(1) == [204]


@pytest.mark.parametrize("path", ["/gateway/authorize", "/elsewhere"])
@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: 4, 4",
        "Content-Length: +4",
        "Content-Length: -4",
        "Content-Length: 0x4",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
        "X: y\r\n folded: z",
        "X: y\rZ: z",
        "X: y\nContent-Length: 4",
        "X: a\x00b",
        ": nameless",
        "Host: other",
    ],
)
def test_malformed_framing_is_refused(gate, secret, path, head):
    with wire(gate) as client:
        client.send(asked(secret, head, path=path, method="POST") + b"0\r\n\r\n" + SMUGGLED)

        assert client.statuses(2) == [400]
        assert client.is_closed()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /gateway/authorize HTTP/1.1\nHost: gate\n\n",
        b"GET /gateway/authorize HTTP/1.1\r\n\r\n",
        b"GET /gateway/authorize HTTP/2.0\r\nHost: gate\r\n\r\n",
        b"GET /gateway/authorize HTTP/0.9\r\nHost: gate\r\n\r\n",
        b"GET /gateway/authorize\r\n\r\n",
        b"POST /gateway/authorize HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /gateway/authorize\tHTTP/1.1\r\nHost: gate\r\n\r\n",
        b"G\x00T /gateway/authorize HTTP/1.1\r\nHost: gate\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /gateway/authorize?\x80 HTTP/1.1\r\nHost: gate\r\n\r\n",
    ],
)
def test_malformed_requests_are_refused(gate, request_bytes):
    with wire(gate) as client:
        client.send(request_bytes)
        response = client.response()

        assert response.status == 400
        assert response.headers["content-type"] == "application/problem+json"
        assert orjson.loads(response.body)["code"] == "malformed_request"
        assert client.is_closed()


def test_trailers_are_no_headers(gate, house):
    with wire(gate) as client:
        client.send(
            b"POST /gateway/authorize HTTP/1.1\r\nHost: gate\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"1\r\nx\r\n0\r\nX-API-Key: " + house.key().secret.encode() + b"\r\n\r\n"
        )
        assert client.statuses(1) == [401]


def test_requests_in_tiny_pieces_are_read(gate, secret):
    with wire(gate) as client:
        client.send(asked(secret, "X-Forwarded-Uri: /orders/7"), piece=1)
        assert client.statuses(1) == [204]


def test_pipelined_answers_keep_their_order(gate, secret):
    """Sync refusals, counted answers and the application's own answers come in the order of their requests."""
    requests = []
    for number in range(40):
        requests += [
            asked(secret, f"X-Request-Id: counted-{number:08d}"),
            asked("wrong", f"X-Request-Id: refused-{number:08d}"),
            plain(f"/echo/{number}"),
            asked(secret, f"X-Request-Id: again-{number:08d}"),
        ]

    with wire(gate) as client:
        client.send(b"".join(requests))
        responses = [client.response() for _ in requests]

    for number in range(40):
        counted, refused, echoed, again = responses[4 * number : 4 * number + 4]
        assert (counted.status, counted.headers["x-request-id"]) == (204, f"counted-{number:08d}")
        assert (refused.status, refused.headers["x-request-id"]) == (401, f"refused-{number:08d}")
        assert orjson.loads(echoed.body)["path"] == f"/echo/{number}"
        assert (again.status, again.headers["x-request-id"]) == (204, f"again-{number:08d}")


@pytest.mark.parametrize("one", [asked(""), None])
def test_thousands_of_pipelined_requests_are_answered(gate, secret, one):
    one = one or asked(secret)
    with wire(gate) as client:
        client.send(one * 3000)
        statuses = client.statuses(3000)

    assert statuses == [401 if one == asked("") else 204] * 3000


@pytest.mark.parametrize("first", ["gate", "other"])
def test_garbage_is_answered_after_what_came_before_it(gate, secret, first):
    request = asked(secret) if first == "gate" else plain("/echo")
    with wire(gate) as client:
        client.send(request + b"\x00garbage\r\n\r\n" + SMUGGLED)

        assert client.statuses(3) == [204 if first == "gate" else 200, 400]
        assert client.is_closed()


BROKEN_BODIES = [b"5\nhello\n0\n\n", b"FFFFFFFFFFFFFFFFF\r\nhello\r\n", b"5\r\nhello!\r\n0\r\n\r\n"]


@pytest.mark.parametrize("body", BROKEN_BODIES)
@pytest.mark.parametrize("first", ["nothing", "gate", "other"])
@pytest.mark.parametrize("line", ["X: y", "Connection: close"])
def test_a_body_that_breaks_is_answered_in_its_turn(gate, secret, first, body, line):
    before = {"nothing": b"", "gate": asked(secret), "other": plain("/echo")}[first]
    broken = plain("/upload", "Transfer-Encoding: chunked", line, method="POST")
    with wire(gate) as client:
        client.send(before + broken)
        time.sleep(0.05)
        client.send(body + SMUGGLED)

        statuses = {"nothing": [], "gate": [204], "other": [200]}[first]
        assert client.statuses(3) == [*statuses, 400]
        assert client.is_closed()
    assert "Traceback" not in gate.log.read_text()


def test_a_client_that_leaves_is_not_written_to(gate, secret):
    with wire(gate) as client:
        client.send(plain("/slow") + asked(secret))
        time.sleep(0.1)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    time.sleep(0.7)

    assert "Traceback" not in gate.log.read_text()


def test_close_is_heeded(gate, secret):
    for lines in (("Connection: close",), ("Connection: close, x",)):
        with wire(gate) as client:
            client.send(asked(secret, *lines) + asked(secret))
            response = client.response()
            assert (response.status, response.headers["connection"]) == (204, "close")
            assert client.is_closed()


@pytest.mark.parametrize("is_refused", [False, True])
def test_what_follows_a_close_is_not_counted(gate, house, usage_events, is_refused):
    key = house.key()
    closing = asked("" if is_refused else key.secret, "Connection: close")
    with wire(gate) as client:
        client.send(closing + asked(key.secret, "X-Request-Id: never-counted-1") * 3)
        client.statuses(4)
    with wire(gate) as later:
        later.send(asked(key.secret, "X-Request-Id: counted-later-1"))
        later.statuses(1)

    # A call that passes is in the stream before it is answered.
    mine = [event[0] for event in usage_events() if event[2] == key.row.pk]
    assert len(mine) == (1 if is_refused else 2)
    assert mine[-1] == "counted-later-1"
    assert "never-counted-1" not in mine


def test_http_1_0_is_closed(gate, secret):
    with wire(gate) as client:
        client.send(
            f"GET /gateway/authorize HTTP/1.0\r\nConnection: keep-alive\r\nX-API-Key: {secret}\r\n\r\n".encode()
        )
        response = client.response()

        assert (response.status, response.headers["connection"]) == (204, "close")
        assert client.is_closed()


def test_upgrade_on_our_path_is_answered_and_closed(gate, secret):
    with wire(gate) as client:
        client.send(asked(secret, "Connection: Upgrade", "Upgrade: websocket") + b"\x81\x00")

        assert client.statuses(2) == [204]
        assert client.is_closed()


def test_continue_is_called_for(gate, secret):
    with wire(gate) as client:
        client.send(asked(secret, "Expect: 100-continue", "Content-Length: 5", method="POST"))
        assert client.statuses(1) == [100]
        client.send(b"hello" + asked(secret))
        assert client.statuses(2) == [204, 204]


def test_continue_waits_for_its_turn(gate, secret):
    with wire(gate) as client:
        client.send(
            plain("/echo")
            + asked(secret, "Expect: 100-continue", "Content-Length: 5", method="POST")
        )
        assert client.statuses(2) == [200, 100]
        client.send(b"hello")
        assert client.statuses(1) == [204]


@pytest.mark.parametrize("path", ["/gateway/authorize", "/echo"])
def test_continue_is_not_called_for_where_it_is_not_known(gate, secret, path):
    line = f"X-API-Key: {secret}\r\nExpect: 100-continue\r\nContent-Length: 1\r\n"
    with wire(gate) as client:
        client.send(f"POST {path} HTTP/1.0\r\n{line}\r\nx".encode())
        assert client.statuses(2) == [204 if path == "/gateway/authorize" else 200]
        assert client.is_closed()


def test_too_large_body_is_not_called_for(gate, secret):
    with wire(gate) as client:
        client.send(asked(secret, "Expect: 100-continue", "Content-Length: 16385", method="POST"))
        assert client.statuses(2) == [413]
        assert client.is_closed()


@pytest.mark.parametrize("is_chunked", [False, True])
def test_too_large_body_is_refused_while_it_is_sent(gate, secret, is_chunked):
    line = "Transfer-Encoding: chunked" if is_chunked else "Content-Length: 2000000"
    body = b"7d00\r\n" + b"x" * 32_000 + b"\r\n" if is_chunked else b"x" * 32_000
    with wire(gate) as client:
        client.send(asked(secret, line, method="POST") + body * 60, piece=32_000)
        response = client.response()

        assert (response.status, orjson.loads(response.body)["code"]) == (413, "payload_too_large")
        assert client.is_closed()


def test_largest_body_is_accepted(gate, secret):
    with wire(gate) as client:
        client.send(
            asked(secret, "Content-Length: 16384", method="POST") + b"x" * 16_384, piece=5000
        )
        assert client.statuses(1) == [204]


@pytest.mark.parametrize("path", ["/gateway/authorize", "/elsewhere"])
@pytest.mark.parametrize("piece", [0, 1000])
def test_large_heads_are_refused(gate, secret, path, piece):
    many = [f"X-{number}: {'v' * 100}" for number in range(160)]
    for lines in (many, ["X: " + "v" * 16_400], ["X: " + "v" * 1_000_000]):
        with wire(gate) as client:
            client.send(asked(secret, *lines, path=path)[:-2], piece=piece)
            client.send(b"\r\n")
            response = client.response()
            assert response.status == 431
            assert orjson.loads(response.body)["code"] == "headers_too_large"
            assert client.is_closed()


@pytest.mark.parametrize("path", ["/gateway/authorize", "/upload"])
@pytest.mark.parametrize("start", [b"1;", b"1\r\nx\r\n0\r\nX: ", b"1\r\nx\r\n0\r\n"])
def test_what_comes_with_a_body_does_not_grow_without_end(gate, secret, path, start):
    endless = b"X: y\r\n" * 50_000 if start.endswith(b"0\r\n") else b"v" * 300_000
    with wire(gate) as client:
        client.send(asked(secret, "Transfer-Encoding: chunked", path=path, method="POST"))
        client.send(start + endless, piece=8_000)
        response = client.response()

        assert (response.status, orjson.loads(response.body)["code"]) == (431, "headers_too_large")
        assert client.is_closed()


def test_what_comes_with_one_body_is_not_held_against_the_next_request(gate, secret):
    chunked = asked(secret, "Transfer-Encoding: chunked", method="POST")
    trailers = b"X: " + b"v" * 14_000 + b"\r\n"
    with wire(gate) as client:
        for _ in range(3):
            client.send(chunked)
            client.send(b"1;" + b"e" * 14_000 + b"\r\nx\r\n0\r\n" + trailers + b"\r\n", piece=5_000)
            client.send(asked(secret, "X: " + "v" * 16_000), piece=5_000)
            assert client.statuses(2) == [204, 204]


def test_long_targets_are_refused(gate, secret):
    with wire(gate) as client:
        client.send(asked(secret, path="/gateway/authorize?api=" + "x" * 20_000))
        assert client.statuses(1) == [431]


def test_heads_of_sixteen_kilobytes_pass(gate, secret):
    with wire(gate) as client:
        client.send(asked(secret, "X: " + "v" * 16_000) + asked(secret, "X: " + "v" * 16_000))
        assert client.statuses(2) == [204, 204]


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
