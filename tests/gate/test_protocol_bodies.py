"""The protocol front end: bodies that are called for, too large or broken, heads that are too long, and how a connection ends."""

import orjson
import pytest

from tests.gate.wire import asked, plain, wire


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
