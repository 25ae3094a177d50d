"""What the outbound client makes of answers, well-formed or not, and of connections that are used again."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import uvloop

from config.common import destinations, http
from config.common.http import Answer, Client, Trouble
from tests.patience import at_most

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BROKE = (Trouble.UNREACHABLE, "The connection broke before there was an answer.")
# The loop counts milliseconds, and may call a time reached that much before it is.
GRAIN = 0.002
NOT_HTTP = (Trouble.MALFORMED, "The answer is not HTTP that we can read.")


class Server:
    """Answers each request of each connection with the next script of that connection; None closes it."""

    def __init__(self, *scripts: bytes | Callable[[socket.socket], None] | None) -> None:
        self.scripts = scripts
        self.requests: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/hook"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            for script in self.scripts:
                read = b""
                while not read.endswith(b"\r\n\r\n{}"):
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    read += piece
                self.requests.append(read)
                if script is None:
                    return
                if callable(script):
                    script(connection)
                else:
                    connection.sendall(script)
            # Stay, and stay silent, until the client goes.
            connection.recv(1)

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


@pytest.fixture
def serving(settings) -> Iterator[Callable[..., Server]]:
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    servers: list[Server] = []

    def start(*scripts: bytes | Callable[[socket.socket], None] | None) -> Server:
        servers.append(Server(*scripts))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def post(
    url: str,
    headers: dict[str, str] | None = None,
    *,
    times: int = 1,
    pause: float = 0.0,
    after: threading.Event | None = None,
) -> list[Answer]:
    """Send some times; between two times wait for what is to happen, and a moment."""

    async def send() -> list[Answer]:
        answers = []
        async with Client() as client:
            for number in range(times):
                if number:
                    assert after is None or await asyncio.to_thread(after.wait, 60)
                    await asyncio.sleep(pause)
                answers.append(await client.post(url, headers=headers or {}, body=b"{}"))
        return answers

    return uvloop.run(send())


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


def test_silence_ends_before_the_whole_patience(serving, monkeypatch):
    monkeypatch.setattr(http, "READ_SECONDS", 0.1)
    server = serving(lambda _connection: None)

    with at_most(1):
        [answer] = post(server.url)

    assert (answer.trouble, answer.address) == (Trouble.TIMED_OUT, "127.0.0.1")
    assert answer.seconds >= 0.1 - GRAIN


def test_a_server_that_keeps_talking_is_not_silent(serving, monkeypatch):
    patience = 0.1

    def slowly(connection: socket.socket) -> None:
        for byte in OK:
            connection.sendall(bytes([byte]))
            time.sleep(patience / 10)

    monkeypatch.setattr(http, "READ_SECONDS", patience)
    [answer] = post(serving(slowly).url)
    while answer.trouble is not None and patience < 5:  # the machine itself was silent
        patience *= 7
        monkeypatch.setattr(http, "READ_SECONDS", patience)
        [answer] = post(serving(slowly).url)

    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.seconds > 3 * patience


def test_a_silent_connection_is_closed_in_time(serving, monkeypatch):
    monkeypatch.setattr(http, "KEEP_ALIVE_SECONDS", 0.05)
    server = serving(OK, OK)

    answers = post(server.url, times=2, pause=0.2)

    assert [answer.status for answer in answers] == [200, 200]
    assert server.connections == 2


def test_whoever_gives_up_leaves_no_connection_behind(serving):
    asked, closed = threading.Event(), threading.Event()

    def wait(connection: socket.socket) -> None:
        asked.set()
        if connection.recv(1) == b"":
            closed.set()

    server = serving(wait)

    async def give_up() -> None:
        async with Client() as client:
            question = asyncio.create_task(client.post(server.url, headers={}, body=b"{}"))
            assert await asyncio.to_thread(asked.wait, 60)
            question.cancel()
            with pytest.raises(asyncio.CancelledError):
                await question
            assert await asyncio.to_thread(closed.wait, 60)

    asyncio.run(give_up())


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


@contextmanager
def _full_server() -> Iterator[int]:
    """Hold a port that takes no connection: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.2", 0))
        listener.listen(0)
        place = listener.getsockname()
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(place)
            waiting.append(one)
        yield place[1]
        for one in waiting:
            one.close()


def test_the_next_address_of_a_name_is_tried_soon(settings, monkeypatch):
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    monkeypatch.setattr(destinations, "addresses_of", lambda _host: ["127.0.0.2", "127.0.0.1"])
    with _full_server() as port, socket.create_server(("127.0.0.1", port)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(OK)
            connection.recv(1)
            connection.close()

        threading.Thread(target=serve, daemon=True).start()
        with at_most(2):
            [answer] = post(f"http://two.example:{port}/")

    assert (answer.status, answer.address) == (200, "127.0.0.1")


def test_names_that_are_never_answered_hold_up_no_other(settings, monkeypatch):
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    is_over = threading.Event()

    def look_up(host: str) -> list[str]:
        if host == "quick.example":
            return ["127.0.0.1"]
        is_over.wait(60)
        raise OSError("no answer")

    monkeypatch.setattr(destinations, "addresses_of", look_up)
    server = Server(OK)

    async def ask() -> list[Answer]:
        async with Client() as client:
            slow = [
                asyncio.create_task(
                    client.post(f"http://{n}.slow.example/", headers={}, body=b"{}")
                )
                for n in range(200)
            ]
            await asyncio.sleep(0)
            quick = await client.post(
                server.url.replace("127.0.0.1", "quick.example"), headers={}, body=b"{}"
            )
            is_over.set()
            return [quick, *await asyncio.gather(*slow)]

    quick, *others = asyncio.run(ask())
    server.close()

    assert quick.status == 200
    assert {other.trouble for other in others} <= {Trouble.UNREACHABLE, Trouble.TIMED_OUT}


def test_an_address_that_takes_no_connection_is_waited_for_so_long(settings, monkeypatch):
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.2)
    with _full_server() as port, at_most(1):
        [answer] = post(f"http://127.0.0.2:{port}/")

    assert (answer.trouble, answer.address) == (Trouble.TIMED_OUT, None)
    assert answer.seconds >= 0.2 - GRAIN


def test_a_server_that_never_greets_is_left(serving, monkeypatch):
    """TLS that does not begin: the connection is given up, and closed."""
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.2)
    gone = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            connection, _ = listener.accept()
            with connection:
                while connection.recv(65536):
                    pass
            gone.set()

        threading.Thread(target=listen, daemon=True).start()
        serving()
        with at_most(1.5):
            [answer] = post(f"https://127.0.0.1:{listener.getsockname()[1]}/")
        assert gone.wait(60)

    assert answer.trouble == Trouble.TIMED_OUT
    assert answer.seconds >= 0.2 - GRAIN
