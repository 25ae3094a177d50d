"""All outbound HTTP to addresses that customers chose: one client that checks every address as it connects.

A name is looked up once per connection, all its records are checked, and the connection goes to a checked address; the
socket is made only after that address itself is checked again, so a second answer of the name server changes nothing.
No redirects, no proxies from the environment, no cookies, no decompression, verified TLS, and little patience.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from time import perf_counter
from types import SimpleNamespace, TracebackType
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from config.common import destinations
from config.common.destinations import AddressRefused, check_url

__all__ = ["AddressRefused", "Answer", "Client", "Trouble", "check_url"]

TOTAL_SECONDS = 15.0
CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
LOOKUP_SECONDS = 5.0
# Shorter than what common servers keep a silent connection for, so that we seldom write into one they just closed.
KEEP_ALIVE_SECONDS = 4.0
MAX_READ = 64 * 1024
MAX_KEPT = 16 * 1024
_MAX_HEADERS = 64
_AGENT = "Tollgate-Webhooks/1.0"


class Trouble(StrEnum):
    """Why there is no answer."""

    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    BLOCKED = "blocked"
    MALFORMED = "malformed"


@dataclass(slots=True)
class Answer:
    """What came of one request: a status with what was kept of the answer, or the trouble."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_cut: bool = False
    address: str | None = None
    seconds: float = 0.0
    trouble: Trouble | None = None
    detail: str = ""


@dataclass(slots=True)
class _Call:
    """What the parts of one request tell each other, whichever tasks they run in."""

    is_encrypted: bool
    refusal: AddressRefused | None = None
    is_reused: bool = False
    address: str | None = None

    def require(self, *addresses: str) -> None:
        try:
            destinations.require_addresses(list(addresses), is_encrypted=self.is_encrypted)
        except AddressRefused as refused:
            self.refusal = refused
            raise PermissionError(refused.reason) from None


_call: ContextVar[_Call] = ContextVar("outbound_call")


class _Resolver(AbstractResolver):
    """Looks names up in threads of its own, so that a slow name server holds up nobody else's work."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="resolver")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await loop.run_in_executor(self._threads, destinations.addresses_of, host)
        _call.get().require(*found)
        return [_record(host, address, port) for address in found]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _record(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


def _checked_socket(info: Any) -> socket.socket:
    """Make the socket for a connection that is about to be opened: the last word on where it goes."""
    family, kind, proto, _, address = info
    _call.get().require(str(address[0]))
    return socket.socket(family, kind, proto)


async def _note_reuse(_session: Any, context: SimpleNamespace, _params: Any) -> None:
    _call.get().is_reused = True


class _Response(aiohttp.ClientResponse):
    """Remembers whom we are connected to before a short answer has given the connection back."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        peer = connection.transport.get_extra_info("peername") if connection.transport else None
        _call.get().address = str(peer[0]) if peer else None
        return await super().start(connection)


class Client:
    """A pool of connections within one event loop. Any number of requests may run at once; callers bound them."""

    def __init__(self, *, trusted: ssl.SSLContext | None = None) -> None:
        self._trusted = trusted
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> "Client":
        reuse = aiohttp.TraceConfig()
        reuse.on_connection_reuseconn.append(_note_reuse)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_Resolver(),
                socket_factory=_checked_socket,
                use_dns_cache=False,
                limit=0,
                keepalive_timeout=KEEP_ALIVE_SECONDS,
                ssl=self._trusted or True,
            ),
            timeout=aiohttp.ClientTimeout(
                total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": _AGENT},
            auto_decompress=False,
            trust_env=False,
            read_bufsize=MAX_KEPT,
            response_class=_Response,
            trace_configs=[reuse],
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one POST and return what came of it; nothing that the other side does raises."""
        started = perf_counter()
        call = _Call(is_encrypted=url[:6].lower() == "https:")
        token = _call.set(call)
        try:
            answer = await self._posted(url, headers, body, call)
        finally:
            _call.reset(token)
        answer.seconds = perf_counter() - started
        answer.address = call.address
        return answer

    async def _posted(
        self, url: str, headers: Mapping[str, str], body: bytes, call: _Call
    ) -> Answer:
        try:
            target = _target(url)
            try:
                return await self._answer(target, headers, body)
            except (aiohttp.ServerDisconnectedError, ConnectionResetError):
                # The other side closed a silent connection just as we wrote into it: once more, on a new one.
                if not call.is_reused:
                    raise
            return await self._answer(target, headers, body)
        except Exception as error:  # noqa: BLE001  whatever it is, it is what came of this request
            return _troubled(error, call)

    async def _answer(self, target: URL, headers: Mapping[str, str], body: bytes) -> Answer:
        response = await self._session.post(
            target, data=body, headers=headers, allow_redirects=False
        )
        try:
            kept, is_cut = await _read(response)
        finally:
            # An answer that was read to its end has given its connection back; any other connection is closed.
            response.close()
        return Answer(response.status, _kept_headers(response), kept, is_cut)


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    kept, total = bytearray(), 0
    content = response.content
    while not content.at_eof():
        piece = await content.readany()
        total += len(piece)
        if len(kept) < MAX_KEPT:
            kept += piece[: MAX_KEPT - len(kept)]
        if total > MAX_READ:
            return bytes(kept), True
    return bytes(kept), total > MAX_KEPT


def _kept_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    pairs = list(response.headers.items())[:_MAX_HEADERS]
    return {_text(name)[:100]: _text(value)[:1_000] for name, value in pairs}


def _text(raw: str) -> str:
    return raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\x00", "�")


@lru_cache(maxsize=4096)
def _target(url: str) -> URL:
    destinations.parsed(url)
    # As it was checked: nothing is quoted, decoded or normalized any more.
    return URL(url, encoded=True)


def _troubled(error: Exception, call: _Call) -> Answer:
    refusal = error if isinstance(error, AddressRefused) else call.refusal
    if refusal is not None:
        return Answer(trouble=Trouble.BLOCKED, detail=refusal.reason)
    match error:
        case TimeoutError():
            trouble, detail = Trouble.TIMED_OUT, "There was no complete answer in time."
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            trouble, detail = Trouble.UNTRUSTED, _said(error)
        case aiohttp.ClientSSLError() | ssl.SSLError():
            trouble, detail = Trouble.UNTRUSTED, "TLS could not be agreed on."
        case aiohttp.ClientConnectorDNSError() | socket.gaierror() | UnicodeError():
            trouble, detail = Trouble.UNREACHABLE, "The host's name leads nowhere."
        case aiohttp.ServerDisconnectedError() | ConnectionResetError():
            trouble, detail = (
                Trouble.UNREACHABLE,
                "The connection broke before there was an answer.",
            )
        case OSError() | aiohttp.ClientConnectionError():
            trouble, detail = Trouble.UNREACHABLE, "No connection could be made."
        case _:
            trouble, detail = Trouble.MALFORMED, "The answer is not HTTP that we can read."
    return Answer(trouble=trouble, detail=detail)


def _said(error: BaseException) -> str:
    """Return what TLS has against a certificate, in the library's words."""
    cause = getattr(error, "certificate_error", error)
    words = getattr(cause, "verify_message", "")
    return f"The certificate is not valid: {words or 'it cannot be verified'}."
