"""Servers that answer as a script says, and a client that asks them."""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import uvloop

from config.common.http import Answer, Client

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each request of each connection with the next script of that connection; None closes it."""

    def __init__(self, *scripts: bytes | Callable[[socket.socket], None] | None) -> None:
        self.scripts = scripts
        self.requests: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/hook"
        self._is_over = False
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                if self._is_over:
                    connection.close()
                    return
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
        """Take no more connections.

        The number of a socket that is closed while a thread waits at it may be given to the next one, whose connections
        that thread would take.
        """
        self._is_over = True
        with suppress(OSError):
            socket.create_connection(self._listener.getsockname(), 60).close()
        self._acceptor.join(60)
        self._listener.close()


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
