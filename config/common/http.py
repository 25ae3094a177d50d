"""All outbound HTTP to addresses that customers chose: one client that checks every address as it connects.

A name is looked up once per connection, all its records are checked, and the connection goes to a checked address; the
socket is made only after that address itself is checked again, so a second answer of the name server changes nothing.
No redirects, no proxies from the environment, no cookies, no decompression, verified TLS, and little patience. Why it
is ours: docs/decisions/0010.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from types import TracebackType
from typing import Any

from aiohappyeyeballs import start_connection

from config.common import destinations
from config.common.addresses import parse_address
from config.common.destinations import AddressRefused, require_url
from config.common.http_connection import (
    BROKEN,
    MAX_KEPT,
    MAX_READ,
    TOO_LATE,
    Answer,
    Connection,
    Trouble,
)

__all__ = [
    "MAX_KEPT", "MAX_READ", "AddressRefused", "Answer", "Client", "Trouble", "require_url",
]  # fmt: skip

TOTAL_SECONDS = 15.0
CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
LOOKUP_SECONDS = 5.0
# A look-up that nobody waits for any more keeps its thread until the system gives up on it. With few of them, some names
# that are never answered would be enough to hold up all others.
_LOOKUPS = 256
# Shorter than what common servers keep a silent connection for, so that we seldom write into one they just closed.
KEEP_ALIVE_SECONDS = 4.0
# How long one address of a name is waited for before the next is tried beside it (RFC 8305).
_NEXT_ADDRESS_SECONDS = 0.25
_SAME_FOR_ALL = "Accept-Encoding: identity\r\nUser-Agent: Tollgate-Webhooks/1.0\r\n"
_BREAKS = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a URL leads, and the beginning of a request to it."""

    host: str
    port: int
    is_encrypted: bool
    head: str


class Client:
    """A pool of connections within one event loop. Any number of requests may run at once; callers bound them."""

    def __init__(self, *, trusted: ssl.SSLContext | None = None) -> None:
        self._trusted = trusted
        self._idle: dict[tuple[str, int, bool], list[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop
        self._lookups: ThreadPoolExecutor

    async def __aenter__(self) -> "Client":
        self._loop = asyncio.get_running_loop()
        # Threads of its own, so that a slow name server holds up nobody else's work.
        self._lookups = ThreadPoolExecutor(max_workers=_LOOKUPS, thread_name_prefix="resolver")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._lookups.shutdown(wait=False, cancel_futures=True)
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in [one for kept in self._idle.values() for one in kept]:
            connection.close()
        self._idle.clear()
        # The loop is given a turn to close what was dropped.
        await asyncio.sleep(0)

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one POST and return what came of it; nothing that the other side does raises."""
        started = perf_counter()
        try:
            answer = await self._posted(url, headers, body)
        except Exception as error:  # noqa: BLE001  whatever it is, it is what came of this request
            answer = _troubled(error)
        answer.seconds = perf_counter() - started
        return answer

    async def _posted(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        until = self._loop.time() + TOTAL_SECONDS
        target = _target(url)
        request = _composed(target, headers, body)
        connection = self._taken(target)
        if connection is not None:
            answer = await self._exchanged(target, connection, request, until)
            if not (connection.is_unheard and answer.trouble == Trouble.UNREACHABLE):
                return answer
            # The other side closed a silent connection just as we wrote into it: once more, on a new one.
        connection = await self._connected(target, until)
        return await self._exchanged(target, connection, request, until)

    async def _exchanged(
        self, target: _Target, connection: Connection, request: bytes, until: float
    ) -> Answer:
        try:
            return await connection.exchange(request, until=until, patience=READ_SECONDS)
        finally:
            if connection.is_reusable:
                self._keep(target, connection)
            else:
                connection.close()

    def _taken(self, target: _Target) -> Connection | None:
        """Return a connection that is still open, the one used last."""
        kept = self._idle.get((target.host, target.port, target.is_encrypted))
        while kept:
            connection = kept.pop()
            if connection.is_reusable:
                return connection
        return None

    def _keep(self, target: _Target, connection: Connection) -> None:
        connection.idle_since = self._loop.time()
        place = (target.host, target.port, target.is_encrypted)
        self._idle.setdefault(place, []).append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(KEEP_ALIVE_SECONDS, self._forget_old)

    def _forget_old(self) -> None:
        """Close what was silent for too long, and look again as long as anything is kept."""
        limit = self._loop.time() - KEEP_ALIVE_SECONDS
        for place, kept in list(self._idle.items()):
            for connection in kept:
                if connection.idle_since <= limit:
                    connection.close()
            kept[:] = [connection for connection in kept if connection.is_reusable]
            if not kept:
                del self._idle[place]
        wait = KEEP_ALIVE_SECONDS / 4
        self._sweep = self._loop.call_later(wait, self._forget_old) if self._idle else None

    async def _connected(self, target: _Target, until: float) -> Connection:
        """Open a connection to a checked address. Raises AddressRefused, OSError, and TimeoutError."""
        addresses = await self._addresses(target)
        refusals: list[AddressRefused] = []

        def checked(info: Any) -> socket.socket:
            # The socket for a connection that is about to be opened: the last word on where it goes.
            family, kind, proto, _, address = info
            try:
                destinations.require_address(str(address[0]), is_encrypted=target.is_encrypted)
            except AddressRefused as refused:
                refusals.append(refused)
                raise PermissionError(refused.reason) from None
            return socket.socket(family, kind, proto)

        infos = [_info(address, target.port) for address in addresses]
        try:
            async with asyncio.timeout_at(min(self._loop.time() + CONNECT_SECONDS, until)):
                opened = await start_connection(
                    infos, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS, socket_factory=checked
                )
                return await self._greeted(opened, target)
        except OSError:
            if refusals:
                raise refusals[0] from None
            raise

    async def _greeted(self, opened: socket.socket, target: _Target) -> Connection:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = target.host.removesuffix(".")
        if self._trusted is None and target.is_encrypted:
            self._trusted = _verified()
        _, connection = await self._loop.create_connection(
            Connection,
            sock=opened,
            ssl=self._trusted if target.is_encrypted else None,
            server_hostname=name if target.is_encrypted else None,
        )
        return connection

    async def _addresses(self, target: _Target) -> list[str]:
        """Return all addresses of a host. Raises AddressRefused for the sake of a single one, and OSError."""
        found = [target.host]
        if parse_address(target.host) is None:
            async with asyncio.timeout(LOOKUP_SECONDS):
                found = await self._loop.run_in_executor(
                    self._lookups, destinations.addresses_of, target.host
                )
        destinations.require_addresses(found, is_encrypted=target.is_encrypted)
        return found


@lru_cache(maxsize=4096)
def _target(url: str) -> _Target:
    parts = destinations.parsed(url)
    is_encrypted = parts.scheme.lower() == "https"
    port = parts.port or (443 if is_encrypted else 80)
    # As it was checked: nothing is quoted, decoded or normalized any more.
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{_SAME_FOR_ALL}"
    return _Target(parts.hostname or "", port, is_encrypted, head)


def _composed(target: _Target, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if any(map(_BREAKS.search, lines)):
        raise ValueError("A header must not hold line breaks.")
    fields = "\r\n".join([*lines, f"Content-Length: {len(body)}"])
    return f"{target.head}{fields}\r\n\r\n".encode() + body


def _info(address: str, port: int) -> Any:
    """Return an address in the form of `getaddrinfo`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    where = (address, port, 0, 0) if ":" in address else (address, port)
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)


def _verified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _troubled(error: Exception) -> Answer:
    match error:
        case AddressRefused():
            trouble, detail = Trouble.BLOCKED, error.reason
        case TimeoutError():
            trouble, detail = Trouble.TIMED_OUT, TOO_LATE
        case ssl.SSLCertVerificationError():
            words = error.verify_message or "it cannot be verified"
            trouble, detail = Trouble.UNTRUSTED, f"The certificate is not valid: {words}."
        case ssl.SSLError():
            trouble, detail = Trouble.UNTRUSTED, "TLS could not be agreed on."
        case socket.gaierror() | UnicodeError():
            trouble, detail = Trouble.UNREACHABLE, "The host's name leads nowhere."
        case ConnectionResetError():
            trouble, detail = Trouble.UNREACHABLE, BROKEN
        case OSError():
            trouble, detail = Trouble.UNREACHABLE, "No connection could be made."
        case _:
            trouble, detail = Trouble.MALFORMED, "The request could not be written."
    return Answer(trouble=trouble, detail=detail)
