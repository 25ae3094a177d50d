"""The bridge hands Django whole, unambiguous requests only."""

import asyncio
import threading

import orjson
import pytest

from config import bridge
from config.bridge import DjangoBridge
from config.common.middleware.security_headers import HEADERS

MAXIMUM = 1000


def echo(environ, start_response):
    """Answer with what WSGI made of the request."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    seen = {name: value for name, value in environ.items() if isinstance(value, str)}
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr((seen, body)).encode()]


def call(parts=(b"",), headers=(), query=b"", application=echo, stops=False):
    """Send one request whose body comes in parts; without an end when it `stops`."""
    sent = []
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages[-1]["more_body"] = stops

    async def receive():
        if messages:
            return messages.pop(0)
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/x",
        "query_string": query,
        "headers": list(headers),
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 9),
    }
    served = DjangoBridge(application, threads=1, body_limit=lambda _path: MAXIMUM)
    asyncio.run(served(scope, receive, send))
    status = sent[0]["status"] if sent else None
    return status, b"".join(message.get("body", b"") for message in sent[1:]), len(messages)


def seen_by_django(**request):
    status, body, _ = call(**request)
    assert status == 200
    return eval(body)  # noqa: S307


def test_body_in_parts_arrives_whole():
    environ, body = seen_by_django(parts=[b"one ", b"two"], headers=[(b"content-length", b"7")])

    assert body == b"one two"
    assert environ["CONTENT_LENGTH"] == "7"


def test_chunked_body_gets_a_length():
    environ, body = seen_by_django(
        parts=[b"one ", b"two"], headers=[(b"transfer-encoding", b"chunked")]
    )

    assert body == b"one two"
    assert environ["CONTENT_LENGTH"] == "7"
    assert "HTTP_TRANSFER_ENCODING" not in environ


def test_large_body_is_not_read():
    length = str(MAXIMUM + 1).encode()
    _, body, unread = call(parts=[b"x"] * 50, headers=[(b"content-length", length)])

    assert unread == 50
    assert f"'CONTENT_LENGTH': '{MAXIMUM + 1}'".encode() in body


def test_large_chunked_body_is_read_to_the_limit():
    environ, _ = seen_by_django(
        parts=[b"x" * 300] * 50, headers=[(b"transfer-encoding", b"chunked")]
    )

    assert environ["CONTENT_LENGTH"] == "1200"


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"3"), (b"transfer-encoding", b"chunked")],
        [(b"content-length", b"3"), (b"content-length", b"3")],
    ],
)
def test_two_lengths_are_refused(headers):
    status, body, _ = call(parts=[b"abc"], headers=headers)

    assert status == 400
    assert b'"code":"malformed_request"' in body


def test_header_with_underscore_cannot_pass_for_another():
    environ, _ = seen_by_django(headers=[(b"x_forwarded_for", b"6.6.6.6"), (b"x-ok", b"1")])

    assert "HTTP_X_FORWARDED_FOR" not in environ
    assert environ["HTTP_X_OK"] == "1"


def test_odd_bytes_in_the_query_are_escaped():
    environ, _ = seen_by_django(query=b"a=\xff&b=%20+[c]")

    assert environ["QUERY_STRING"] == "a=%FF&b=%20+[c]"


def test_slow_body_occupies_no_thread(monkeypatch):
    monkeypatch.setattr(bridge, "_BODY_SECONDS", 0.05)
    called = threading.Event()

    status, body, _ = call(
        parts=[b"a"],
        headers=[(b"content-length", b"9")],
        application=lambda *_: called.set(),
        stops=True,
    )

    assert status == 408
    assert b'"code":"request_timeout"' in body
    assert not called.is_set()


def test_what_fails_around_django_is_answered():
    def burst(_environ, _start_response):
        raise RuntimeError("SELECT secret FROM /srv/tollgate")

    status, body, _ = call(application=burst)

    problem = orjson.loads(body)
    assert (status, problem["code"]) == (500, "internal_error")
    assert b"SELECT" not in body


def test_what_fails_in_the_middle_of_an_answer_cuts_it_off():
    def burst(_environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"half"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        call(application=burst)


@pytest.mark.parametrize("path", ["/x", "/api/v1/x"])
def test_its_own_answers_are_complete(path):
    sent = []

    async def never():
        raise AssertionError

    async def send(message):
        sent.append(message)

    lengths = [(b"content-length", b"3"), (b"content-length", b"3")]
    scope = {"type": "http", "path": path, "headers": lengths, "query_string": b""}
    served = DjangoBridge(echo, threads=1, body_limit=lambda _path: MAXIMUM)
    asyncio.run(served(scope, never, send))

    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    problem = orjson.loads(sent[1]["body"])
    assert problem["request_id"] == headers["x-request-id"]
    assert (problem["status"], problem["code"]) == (400, "malformed_request")
    assert headers["content-length"] == str(len(sent[1]["body"]))
    assert (headers["cache-control"], headers["connection"]) == ("no-store", "close")
    assert ("vary" in headers) is path.startswith("/api/")
    assert {name.lower(): value for name, value in HEADERS.items()}.items() <= headers.items()


def test_headers_are_added_to_answers_that_lack_them():
    sent = []

    async def send(message):
        sent.append(message)

    async def answer(send):
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-security-policy", b"sandbox"), (b"x-ok", b"1")],
            }
        )
        await send({"type": "http.response.body", "body": b"x"})

    asyncio.run(answer(bridge.protected(send)))

    headers = dict(sent[0]["headers"])
    assert len(sent[0]["headers"]) == len(headers) == len(HEADERS) + 1
    assert headers[b"content-security-policy"] == b"sandbox"
    assert headers[b"x-frame-options"] == b"DENY"
    assert sent[1] == {"type": "http.response.body", "body": b"x"}


def test_client_that_leaves_is_not_answered():
    sent = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    served = DjangoBridge(echo, threads=1, body_limit=lambda _path: MAXIMUM)
    scope = {
        "type": "http",
        "path": "/x",
        "headers": [(b"content-length", b"9")],
        "query_string": b"",
    }
    asyncio.run(served(scope, receive, send))

    assert sent == []
