"""What the outbound client makes of answers, well-formed or not, and of connections that are used again."""

import socket
import threading
import time
from collections.abc import Callable

import pytest

from config.common.http import Trouble
from tests.common.scripted import OK, post
from tests.patience import at_most

BROKE = (Trouble.UNREACHABLE, "The connection broke before there was an answer.")
NOT_HTTP = (Trouble.MALFORMED, "The answer is not HTTP that we can read.")


def test_the_request_is_written_as_http_says(serving):
    server = serving(OK)

    [answer] = post(f"{server.url}?a=b%20c", {"Content-Type": "application/json", "x-mine": "ü"})

    lines = server.requests[0].decode().split("\r\n")
    assert lines == [
        "POST /hook?a=b%20c HTTP/1.1",
        f"Host: {server.url.split('/')[2]}",
        "Accept-Encoding: identity",
        "User-Agent: Tollgate-Webhooks/1.0",
        "Content-Type: application/json",
        "x-mine: ü",
        "Content-Length: 2",
        "",
        "{}",
    ]
    assert (answer.status, answer.body, answer.is_cut) == (200, b"ok", False)
    assert answer.headers == {"content-length": "2"}
    assert answer.address == "127.0.0.1"


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nb", "a\rb", "a\0b"])
def test_a_header_cannot_begin_another(value, serving):
    server = serving(OK)

    [answer] = post(server.url, {"x-mine": value})

    assert (answer.trouble, answer.detail) == (
        Trouble.MALFORMED,
        "The request could not be written.",
    )
    assert (server.requests, server.connections) == ([], 0)


def test_one_connection_serves_one_request_after_the_other(serving):
    server = serving(OK, b"HTTP/1.1 204 No Content\r\n\r\n", OK)

    answers = post(server.url, times=3)

    assert [answer.status for answer in answers] == [200, 204, 200]
    assert server.connections == 1


WHOLE = [
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\no\r\n1\r\nk\r\n0\r\nX: y\r\n\r\n", b"ok"),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, b"ok"),
    (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
    (b"HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n", b""),
]  # fmt: skip


@pytest.mark.parametrize(("script", "body"), WHOLE)
def test_an_answer_with_an_end_leaves_the_connection_usable(script, body, serving):
    server = serving(script, script)

    answers = post(server.url, times=2)

    assert [answer.body for answer in answers] == [body, body]
    assert all(answer.trouble is None for answer in answers)
    assert "link" not in answers[0].headers
    assert server.connections == 1


LAST = [
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    OK + b"and more",
    OK + OK,
    OK + b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/",
]


@pytest.mark.parametrize("script", LAST)
def test_a_connection_that_might_say_more_is_not_used_again(script, serving):
    server = serving(script, OK)

    answers = post(server.url, times=2, pause=0.02)

    assert [(answer.status, answer.body) for answer in answers] == [(200, b"ok")] * 2
    assert server.connections == 2


def test_words_that_nobody_asked_for_end_a_silent_connection(serving):
    def twice(connection: socket.socket) -> None:
        connection.sendall(OK)
        time.sleep(0.02)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nforge")
        is_said.set()

    is_said = threading.Event()
    server = serving(twice, OK)

    answers = post(server.url, times=2, pause=0.05, after=is_said)

    assert [answer.body for answer in answers] == [b"ok", b"ok"]
    assert server.connections == 2


def test_an_answer_may_end_with_its_connection(serving):
    def until_closed(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall ")
        time.sleep(0.01)
        connection.sendall(b"of it")
        connection.shutdown(socket.SHUT_RDWR)

    server = serving(until_closed)

    answers = post(server.url, times=2)

    assert [(answer.status, answer.body) for answer in answers] == [(200, b"all of it")] * 2
    assert server.connections == 2


def _closing_after(words: bytes) -> Callable[[socket.socket], None]:
    def speak(connection: socket.socket) -> None:
        connection.sendall(words)
        connection.shutdown(socket.SHUT_RDWR)

    return speak


@pytest.mark.parametrize(
    "words",
    [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nX: y\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"],
)  # fmt: skip
def test_half_an_answer_is_none(words, serving):
    server = serving(_closing_after(words))

    [answer] = post(server.url)

    assert (answer.trouble, answer.detail) == BROKE
    assert (answer.status, answer.address) == (None, "127.0.0.1")
    # The request may have been acted on: it is not sent again.
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "script",
    [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"\0\0\0\0", b"HTTP/1.1 99 No\r\n\r\n", b"HTTP/3.0 200 OK\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
     b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
     b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello"],
)  # fmt: skip
def test_what_is_not_http_is_no_answer(script, serving):
    server = serving(script)

    [answer] = post(server.url)

    assert (answer.trouble, answer.detail) == NOT_HTTP
    assert server.connections == 1


def test_a_reset_in_the_middle_is_no_answer(serving):
    def reset(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        time.sleep(0.02)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    [answer] = post(serving(reset).url)

    assert (answer.trouble, answer.detail) == BROKE


def test_a_silent_connection_that_was_closed_costs_one_more_try(serving):
    server = serving(OK, None)

    answers = post(server.url, times=3)

    # Each connection answers one request and is closed by the next, which then goes over a new one.
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert server.connections == 3
    assert len(server.requests) == 5


def test_names_of_headers_are_lowered_and_values_trimmed(serving):
    server = serving(b"HTTP/1.1 200 OK\r\nRETRY-After: \t 120 \t\r\nContent-Length: 0\r\n\r\n")

    [answer] = post(server.url)

    assert answer.headers == {"retry-after": "120", "content-length": "0"}


def test_many_headers_and_long_ones_are_cut(serving):
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"v" * 2_000) for number in range(20))
    more = b"".join(b"Y-%d: w\r\n" % number for number in range(100))
    server = serving(b"HTTP/1.1 200 OK\r\n" + lines + more + b"Content-Length: 2\r\n\r\nok")

    [answer] = post(server.url)

    assert (answer.status, answer.body) == (200, b"ok")
    assert len(answer.headers) == 64
    assert answer.headers["x-0"] == "v" * 1_000


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (CHUNKED + b"0\r\nX: ", b"a" * 65_536),
        (CHUNKED + b"0\r\n", b"X: a\r\n" * 10_000),
        (CHUNKED + b"1;a=", b"a" * 65_536),
        (CHUNKED, b"1\r\na\r\n" * 10_000),
    ],
    ids=["a trailer", "trailers", "a chunk's extension", "chunks of one byte"],
)
def test_what_goes_on_for_ever_behind_the_head_is_cut(begin, more, serving):
    sent = [0]

    def pour(connection: socket.socket) -> None:
        connection.sendall(begin)
        while True:
            sent[0] += connection.send(more)

    with at_most(5):
        [answer] = post(serving(pour).url)

    assert (answer.status, answer.trouble) == (200, None)
    assert sent[0] < 20_000_000
