"""One call that somebody asks about, and where its answer goes."""

from dataclasses import dataclass
from typing import Protocol

from apikeys.gateway.metering import event
from apikeys.gateway.plans import Count, Plan
from apikeys.gateway.refusals import Outcome
from apikeys.gateway.routes import Route
from apikeys.restrictions import ScopeExpression


class Sink(Protocol):
    """What a front end gives the core: a way to answer one request."""

    def deliver(self, status: int, head: bytes, body: bytes) -> None:
        """Write status, header lines (each with its CRLF) and body."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: repeats from call to call, so it is worked out once and remembered."""

    address: str | None
    origin: str | None
    json: bytes
    is_trusted: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """What is called: the route that describes it, and method and path as events carry them."""

    route: Route
    path: bytes
    json: bytes


class Question:
    """What is asked about one call. Front ends subclass it to say how the verdict is put into words."""

    __slots__ = ("caller", "place", "request_id", "secret", "sink", "started")

    # Only a verification asks for more than its route does.
    cost: int | None = None
    asked: ScopeExpression | None = None
    resource: str = ""
    tags_json: bytes = b"null"

    def __init__(  # noqa: PLR0917  the parts of one question, given on the hot path
        self,
        sink: Sink,
        secret: bytes,
        request_id: bytes,
        started: float,
        caller: Caller,
        place: Place,
    ) -> None:
        self.sink = sink
        self.secret = secret
        self.request_id = request_id
        self.started = started
        self.caller = caller
        self.place = place

    def event(self, plan: Plan, outcome: bytes, units: int, at_ms: int = 0) -> bytes:
        """Return the usage event of this call."""
        tail = (
            plan.event_tail if self.tags_json == b"null" else self.tags_json + plan.event_tail[4:]
        )
        return event(
            self.request_id, plan.event_ids, self.place.json, outcome, units, self.caller.json,
            tail, at_ms,
        )  # fmt: skip

    def allowed(self, plan: Plan, numbers: tuple[int, ...], credits_micro: int | None) -> None:
        """Answer that the call may pass."""
        raise NotImplementedError

    def refused(
        self, outcome: Outcome, plan: Plan | None = None, count: Count | None = None
    ) -> None:
        """Answer that the call may not pass."""
        raise NotImplementedError

    def unavailable(self, detail: str) -> None:
        """Answer that nobody can say at the moment."""
        raise NotImplementedError
