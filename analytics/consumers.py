"""The live WebSocket: one tick per second of one organization's calls, for as long as its viewer may see them."""

# mypy: disallow-untyped-calls=False
# Channels ships no types.

import asyncio
import contextlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs

import orjson
import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils import timezone

from accounts import realtime as people
from accounts.selectors import live_session
from accounts.tokens import AccessClaims
from analytics import realtime
from analytics.realtime import Tick, Ticket
from config.common import asgi, context
from config.common.context import Context
from config.common.errors import (
    DomainError,
    Forbidden,
    ServiceUnavailable,
    TooManyRequests,
    Unauthenticated,
)
from organizations import access
from organizations.roles import Permission

logger = structlog.get_logger(__name__)

# At each tick the right to see is asked again: whoever lost it sees one more tick at most, well within two seconds.
_TICK_SECONDS = 1.0
# Codes of our own (RFC 6455 leaves 4000 to 4999 to applications), and one of its own for "try again".
NO_LONGER_ALLOWED = 4401
TALKS_TOO_MUCH = 4408
FAILED = 1011
# The page has nothing to say; a few frames are forgiven.
_MAX_FRAMES = 5
# Sockets that one person may have open in one process: tabs, not floods.
MAX_PER_PERSON = 20
_WHEN_ONE_MAY_BE_FREE = {"Retry-After": "15"}
# What may be said last to a server.
_LAST = frozenset({"websocket.close", "websocket.http.response.body"})
# Apart from Django's own threads, so that many watchers do not slow down pages, nor the other way round.
_checkers = ThreadPoolExecutor(4, thread_name_prefix="live-check")
_open: Counter[int] = Counter()


class LiveUsageConsumer(AsyncWebsocketConsumer):
    """Opened with a single-use ticket, from our own pages only; the right to see is asked again every second."""

    ticket: Ticket
    ticker: asyncio.Task[None] | None = None
    joined: tuple[str, ...] = ()
    is_counted = False
    frames = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve one socket and leave nothing of it behind, however it ends."""
        has_closed = False

        async def send_while_open(message: asgi.Message) -> None:
            # What follows the end, or finds nobody there, is no failure: the server tells that it has ended.
            nonlocal has_closed
            if not has_closed:
                has_closed = message["type"] in _LAST
                with contextlib.suppress(OSError):
                    await send(message)

        try:
            self.ticket = await _redeemed(scope)
        except DomainError as refusal:
            # Before Channels listens for it: while Valkey is away nobody can, and strangers are not worth it.
            await receive()
            await asgi.refuse(scope, send_while_open, refusal)
            return
        try:
            await super().__call__(scope, receive, send_while_open)
        finally:
            await self._leave()

    async def connect(self) -> None:
        """Accept whoever may see the organization's usage."""
        try:
            await self._welcome()
        except DomainError as refusal:
            await asgi.refuse(self.scope, self.base_send, refusal)
        except Exception as error:  # noqa: BLE001  nobody is let in unchecked, and the page tries again
            logger.warning("live_socket_not_opened", error=type(error).__name__)
            await asgi.refuse(self.scope, self.base_send, ServiceUnavailable())

    async def _welcome(self) -> None:
        self.since_last = Tick()
        ticket = self.ticket
        _open[ticket.user_id] += 1
        self.is_counted = True
        if _open[ticket.user_id] > MAX_PER_PERSON:
            raise TooManyRequests(
                f"You have {MAX_PER_PERSON} live views open already.", headers=_WHEN_ONE_MAY_BE_FREE
            )
        await require_sight(ticket)
        self.joined = realtime.group(ticket.organization_id), people.group(ticket.user_id)
        for group in self.joined:
            await self.channel_layer.group_add(group, self.channel_name)
        await self.accept()
        self.ticker = asyncio.create_task(self._live())

    async def _leave(self) -> None:
        if self.ticker is not None:
            self.ticker.cancel()
        if self.is_counted:
            _open[self.ticket.user_id] -= 1
        # Each of them, whatever becomes of the others: Valkey may be away.
        leaving = [self.channel_layer.group_discard(one, self.channel_name) for one in self.joined]
        await asyncio.gather(*leaving, return_exceptions=True)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Ignore what the page says; end a connection that goes on talking."""
        self.frames += 1
        if self.frames > _MAX_FRAMES:
            await self.close(TALKS_TOO_MUCH)

    async def usage_tick(self, message: dict[str, Any]) -> None:
        """Take in what ingestion counted."""
        self.since_last.add(
            calls=message["calls"], refused=message["refused"], units=message["units"]
        )

    async def person_notice(self, message: dict[str, Any]) -> None:
        """Tell the page that its person has a notice; what it says is fetched by the page."""
        await self.send('{"type":"notice"}')

    async def _live(self) -> None:
        try:
            await self._tick()
        except DomainError:
            await self.close(NO_LONGER_ALLOWED)
        except Exception as error:  # noqa: BLE001  whatever failed, nobody goes on watching unchecked
            logger.warning("live_socket_failed", error=type(error).__name__)
            await self.close(FAILED)

    async def _tick(self) -> None:
        while True:
            await asyncio.to_thread(realtime.watch, self.ticket.organization_id)
            await asyncio.sleep(_TICK_SECONDS)
            await require_sight(self.ticket)
            tick, self.since_last = self.since_last, Tick()
            message = {"type": "tick", "at": timezone.now(), **asdict(tick)}
            await self.send(orjson.dumps(message, option=orjson.OPT_UTC_Z).decode())


async def _redeemed(scope: dict[str, Any]) -> Ticket:
    """Return what the ticket says. Raises Forbidden, Unauthenticated or ServiceUnavailable."""
    tokens = parse_qs(scope["query_string"].decode("latin-1")).get("ticket", [])
    if not _is_own_origin(scope):
        raise Forbidden("Only pages of this site open live views.")
    found = await asyncio.to_thread(realtime.redeem_ticket, tokens[0]) if len(tokens) == 1 else None
    if found is None:
        raise Unauthenticated("The ticket is not one of ours, was used, or is too old.")
    return found


async def require_sight(ticket: Ticket) -> None:
    """Raise DomainError unless the session lives and its person may still see the organization's usage."""
    ask = database_sync_to_async(_require_sight, thread_sensitive=False, executor=_checkers)
    await ask(ticket)


def _require_sight(ticket: Ticket) -> None:
    claims = AccessClaims(
        user_id=ticket.user_id,
        session_id=ticket.session_id,
        session_version=ticket.session_version,
    )
    session = live_session(claims, at=timezone.now())
    if session is None:
        raise Unauthenticated
    # Where they were let in from is asked anew, too: the organization may have listed addresses since.
    with context.use(Context(ip=ticket.ip)):
        access.tenant_of(session.user, ticket.organization_id).require(Permission.USAGE_READ)


def _is_own_origin(scope: dict[str, Any]) -> bool:
    """Whether the page that opens the socket came from the host that it connects to, which is one of ours."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get(b"host", "")
    return headers.get(b"origin") in {f"http://{host}", f"https://{host}"} and validate_host(
        split_domain_port(host)[0], settings.ALLOWED_HOSTS
    )
