"""The protocol front end: what it passes on, how it frames, and what it refuses. It is no weaker than the server it extends."""

import time

import orjson
import pytest

from tests.gate.wire import asked, plain, wire

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: gate\r\n\r\n"


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
