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


class Head:
    """What a request to one of the gate's paths says before its body; kept for requests that say the same again.

    `named` are the header fields by name, in lower case, of repeated ones the last; `repeated` all of them in the order
    they came in if any is repeated, otherwise nothing. `asked` is what forward authorization read in them.
    """

    __slots__ = ("asked", "keeps_alive", "method", "named", "repeated", "target")

    def __init__(
        self,
        target: "Target",
        method: bytes,
        named: Named,
        repeated: Headers,
        keeps_alive: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        self.target = target
        self.method = method
        self.named = named
        self.repeated = repeated
        self.keeps_alive = keeps_alive
        self.asked: Asked | None = None


class Request(Protocol):
    """One complete request to one of the gate's paths, and the way to answer it."""

    @property
    def head(self) -> Head:
        """What it says before its body."""

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


# What forward authorization read off a head: from which peer, the merged header fields, the caller, the place, and the
# presented key.
Asked = tuple[str | None, Named, Caller, Place, bytes]


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
