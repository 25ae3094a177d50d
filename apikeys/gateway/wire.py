"""A connection to Redis for each thread of blocking code: a command that is bytes already, one reply."""

import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

import hiredis

from apikeys.gateway import script
from apikeys.gateway.link import NOT_SERVING, TIMEOUT_SECONDS, Address, LinkDown, Reply
from apikeys.gateway.recovery import ASK_RUN, run_of

_BACK_OFF_SECONDS: Final = 0.25
# A connection that answered a moment ago is believed in: to look again costs as much as a tenth of the exchange.
_BELIEVED_SECONDS: Final = 0.1
_READ_BYTES: Final = 4096


@dataclass(slots=True)
class _Connection:
    """One open connection and what was read of the next reply."""

    socket: socket.socket
    reader: hiredis.Reader = field(default_factory=hiredis.Reader)
    answered_at: float = 0.0

    def exchange(self, command: bytes) -> Reply:
        """Write one command and return its reply, errors included. Raises OSError and ProtocolError."""
        self.socket.sendall(command)
        while (reply := self.reader.gets()) is False:
            data = self.socket.recv(_READ_BYTES)
            if not data:
                raise ConnectionResetError
            self.reader.feed(data)
        self.answered_at = monotonic()
        return reply

    def __del__(self) -> None:
        # A thread that ends leaves its connection behind.
        self.socket.close()

    def is_usable(self) -> bool:
        """Whether the server answered a moment ago, or neither hung up nor said anything since."""
        if monotonic() - self.answered_at < _BELIEVED_SECONDS:
            return True
        if isinstance(self.socket, ssl.SSLSocket):
            return True  # it may have said something of TLS, at which nobody can peek
        try:
            self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


class Wire:
    """The connections of all threads. After a failure nobody tries again for a quarter of a second.

    `marker` is the key in which the gate says that counters are right; see `recovery`.
    """

    def __init__(self, address: Address, marker: str) -> None:
        self._address = address
        self._marker = marker
        self._mine = threading.local()
        self._down_until = 0.0

    def ask(self, command: bytes) -> Reply:
        """Send one command and return its reply.

        Raises LinkDown; whether the command ran is then unknown, so it is not sent again.
        """
        if monotonic() < self._down_until:
            raise LinkDown("the connection failed a moment ago")
        try:
            connection = self._connection()
            reply = connection.exchange(command)
            if isinstance(reply, hiredis.ReplyError) and str(reply).startswith("NOSCRIPT"):
                connection.exchange(script.encode("SCRIPT", "LOAD", script.TEXT))
                reply = connection.exchange(command)
        except (OSError, hiredis.ProtocolError) as error:
            self._give_up()
            raise LinkDown(str(error) or type(error).__name__) from error
        if isinstance(reply, hiredis.ReplyError):
            if str(reply).startswith(NOT_SERVING):
                self._give_up()
            raise LinkDown(str(reply))
        return reply

    def _connection(self) -> _Connection:
        known: _Connection | None = getattr(self._mine, "connection", None)
        if known is not None and known.is_usable():
            return known
        self._mine.connection = made = self._open()
        return made

    def _open(self) -> _Connection:
        connection = _Connection(_socket(self._address))
        for command in self._address.greeting():
            reply = connection.exchange(command)
            if isinstance(reply, hiredis.ReplyError):
                raise ConnectionRefusedError(str(reply))
        self._require_right_counters(connection)
        return connection

    def _require_right_counters(self, connection: _Connection) -> None:
        """Raise ConnectionRefusedError until the gate has put right what an old snapshot brought back.

        A server without a mark came back empty, and every counter is asked for. One that does not tell its run is
        believed, as the gate believes it.
        """
        run = connection.exchange(ASK_RUN)
        right_in = connection.exchange(script.encode("GET", self._marker))
        for reply in (run, right_in):
            if isinstance(reply, hiredis.ReplyError) and str(reply).startswith(NOT_SERVING):
                raise ConnectionRefusedError(str(reply))
        if isinstance(run, bytes) and isinstance(right_in, bytes) and run_of(run) != right_in:
            raise ConnectionRefusedError("the counters are those of an earlier run")

    def _give_up(self) -> None:
        self._down_until = monotonic() + _BACK_OFF_SECONDS
        self._mine.connection = None


def _socket(address: Address) -> socket.socket:
    if address.path:
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        opened.settimeout(TIMEOUT_SECONDS)
        opened.connect(address.path)
    else:
        opened = socket.create_connection((address.host, address.port), TIMEOUT_SECONDS)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if address.is_tls:
        return ssl.create_default_context().wrap_socket(opened, server_hostname=address.host)
    # The kernel's own timers: Python's would ask it before each call whether it would block.
    opened.settimeout(None)
    limit = struct.pack("@ll", *divmod(int(TIMEOUT_SECONDS * 1_000_000), 1_000_000))
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    return opened
