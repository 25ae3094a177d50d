"""Bytes to a gate and bytes from it, for tests of what no client library would send."""

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.doubles.stack import Gate


@dataclass(frozen=True)
class Response:
    """One response as it stood on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """A connection."""

    def __init__(self, gate: Gate) -> None:
        self.socket = socket.create_connection(("127.0.0.1", gate.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def send(self, data: bytes, *, piece: int = 0, pause: float = 0.0) -> None:
        """Send all of it, in pieces if a size is given; a peer that hung up is no error."""
        pieces = [data[at : at + piece] for at in range(0, len(data), piece)] if piece else [data]
        with contextlib.suppress(ConnectionError):
            for part in pieces:
                self.socket.sendall(part)
                time.sleep(pause)

    def response(self) -> Response | None:
        """Return the next response, None when the connection ended instead."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        status = int(lines[0].split(" ")[1])
        length = int(headers.get("content-length", 0))
        while len(self._rest) < length and self._receive():
            pass
        body, self._rest = self._rest[:length], self._rest[length:]
        return Response(status, headers, body)

    def statuses(self, number: int) -> list[int]:
        """Return the status of so many responses, fewer when the connection ends."""
        found = []
        for _ in range(number):
            response = self.response()
            if response is None:
                break
            found.append(response.status)
        return found

    def is_closed(self, within: float = 60.0) -> bool:
        """Whether the peer hangs up in time without saying anything more."""
        self.socket.settimeout(within)
        try:
            return self._rest == b"" and not self._receive()
        except TimeoutError:
            return False

    def _until(self, mark: bytes) -> bytes | None:
        while mark not in self._rest:
            if not self._receive():
                return None
        found, _, self._rest = self._rest.partition(mark)
        return found

    def _receive(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            return False
        self._rest += data
        return bool(data)


@contextlib.contextmanager
def wire(gate: Gate) -> Iterator[Wire]:
    """Open a connection and close it in the end."""
    opened = Wire(gate)
    try:
        yield opened
    finally:
        opened.socket.close()


def asked(secret: str, *lines: str, path: str = "/gateway/authorize", method: str = "GET") -> bytes:
    """Return one request to the gate."""
    head = [f"{method} {path} HTTP/1.1", "Host: gate", f"X-API-Key: {secret}", *lines, "", ""]
    return "\r\n".join(head).encode("latin-1")


def plain(path: str, *lines: str, method: str = "GET", body: bytes = b"") -> bytes:
    """Return one request to whatever is behind the gate."""
    length = [f"Content-Length: {len(body)}"] if body else []
    return (
        "\r\n".join([f"{method} {path} HTTP/1.1", "Host: gate", *length, *lines, "", ""]).encode()
        + body
    )
