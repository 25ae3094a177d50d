"""One call that somebody asks about, and where its answer goes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from apikeys.gateway.headers import Headers, Named
from apikeys.gateway.metering import EVENT
from apikeys.gateway.plans import Count, Plan
from apikeys.gateway.refusals import Outcome
from apikeys.gateway.routes import Route
from apikeys.restrictions import ScopeExpression

if TYPE_CHECKING:
    from apikeys.gateway.frontend import Target


class Request(Protocol):
    """One complete request to one of the gate's paths, and the way to answer it."""

    @property
    def target(self) -> "Target":
        """Which of our paths is meant."""

    @property
    def method(self) -> bytes:
        """The request's own method."""

    @property
    def named(self) -> Named:
        """The header fields by name, in lower case; of repeated ones the last."""

    @property
    def repeated(self) -> Headers:
        """All of them in the order they came in, if any is repeated; otherwise nothing."""

    @property
    def body(self) -> bytes:
        """The whole body."""

    @property
    def peer(self) -> str | None:
        """The address at the other end; None for a socket file, empty when it is not known."""

    def deliver(self, status: int, head: bytes, body: bytes) -> None:
        """Answer with status, header lines (each with its CRLF) and body."""


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


class Question(ABC):
    """What is asked about one call. Front ends subclass it to say how the verdict is put into words."""

    __slots__ = (
        "asked", "caller", "cost", "place", "request", "request_id", "resource", "secret", "started",
        "tags_json",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917  the parts of one question, given on the hot path
        self,
        request: Request,
        secret: bytes,
        request_id: bytes,
        started: float,
        caller: Caller,
        place: Place,
    ) -> None:
        # Only a verification asks for more than its route does.
        self.cost: int | None = None
        self.asked: ScopeExpression | None = None
        self.resource = ""
        self.tags_json = b"null"
        self.request = request
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
        return EVENT % (
            self.request_id, plan.event_ids, self.place.json, outcome, units, self.caller.json,
            tail, at_ms,
        )  # fmt: skip

    @abstractmethod
    def allowed(self, plan: Plan, numbers: tuple[int, ...], credits_micro: int | None) -> None:
        """Answer that the call may pass."""

    def allowed_by_lease(self, plan: Plan, numbers: tuple[int, ...], _head: bytes) -> None:
        """Answer that the call may pass on a token that was counted before; `_head` is what all such calls are told."""
        self.allowed(plan, numbers, None)

    @abstractmethod
    def refused(
        self, outcome: Outcome, plan: Plan | None = None, count: Count | None = None
    ) -> None:
        """Answer that the call may not pass."""

    @abstractmethod
    def unavailable(self, detail: str) -> None:
        """Answer that nobody can say at the moment."""
