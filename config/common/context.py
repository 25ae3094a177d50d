"""Who acts, from where, in which request. Set by middleware, authentication, commands and jobs; read by the audit log."""

import contextlib
import secrets
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone or something that acts: a user, staff, an API key, a service key, a command, a job, or nobody known.

    `staff` is a person who acts through the back office or the staff API, for somebody else.
    """

    type: str = "anonymous"
    id: int | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances of one unit of work."""

    request_id: str = ""
    actor: Actor = Actor()
    ip: str | None = None
    user_agent: str = ""
    arrived_at: datetime | None = None
    trace_id: str = ""


_NOWHERE = Context()
_current: ContextVar[Context] = ContextVar("tollgate_context", default=_NOWHERE)


def current() -> Context:
    """Return the circumstances of the work now being done."""
    return _current.get()


def new_request_id() -> str:
    """Return a fresh request id: 128 random bits as 32 hexadecimal digits."""
    return secrets.token_hex(16)


def set_actor(actor: Actor) -> None:
    """Name who acts for the rest of this unit of work."""
    _current.set(replace(_current.get(), actor=actor))


@contextlib.contextmanager
def use(context: Context) -> Iterator[Context]:
    """Work under these circumstances until the block ends."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


@contextlib.contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Act as someone else until the block ends; the request stays the same."""
    token = _current.set(replace(_current.get(), actor=actor))
    try:
        yield
    finally:
        _current.reset(token)


def acting_as_staff() -> contextlib.AbstractContextManager[None]:
    """Let the present person act as staff until the block ends."""
    return acting(replace(current().actor, type="staff"))


def command(name: str) -> contextlib.AbstractContextManager[Context]:
    """Work as a management command."""
    return use(Context(request_id=new_request_id(), actor=Actor(type="command", label=name)))


def job(name: str) -> contextlib.AbstractContextManager[Context]:
    """Work as a background job."""
    return use(Context(request_id=new_request_id(), actor=Actor(type="job", label=name)))
