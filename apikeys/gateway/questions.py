"""One call that somebody asks about, and where its answer goes."""

from typing import Protocol

from apikeys.gateway.metering import event
from apikeys.gateway.plans import Count, Plan
from apikeys.gateway.refusals import Outcome
from apikeys.gateway.routes import NO_API, Route
from apikeys.restrictions import ScopeExpression


class Sink(Protocol):
    """What a front end gives the core: a way to answer one request."""

    def deliver(self, status: int, head: bytes, body: bytes) -> None:
        """Write status, header lines (each with its CRLF) and body."""


class Question:
    """What is asked about one call. Front ends subclass it to say how the verdict is put into words."""

    __slots__ = (
        "address",
        "address_json",
        "agent_json",
        "asked",
        "cost",
        "method_json",
        "origin",
        "path_json",
        "request_id",
        "resource",
        "route",
        "secret",
        "sink",
        "started",
        "tags_json",
    )

    def __init__(self, sink: Sink, secret: bytes, request_id: bytes, started: float) -> None:
        self.sink = sink
        self.secret = secret
        self.request_id = request_id
        self.started = started
        self.route: Route = NO_API
        self.cost: int | None = None
        self.address: str | None = None
        self.address_json = b"null"
        self.agent_json = b'""'
        self.method_json = b'""'
        self.path_json = b'""'
        self.origin: str | None = None
        self.asked: ScopeExpression | None = None
        self.resource = ""
        self.tags_json = b"null"

    def event(self, plan: Plan, outcome: bytes, units: int, at_ms: int = 0) -> bytes:
        """Return the usage event of this call."""
        return event(
            self.request_id, plan.event_ids, self.method_json, self.path_json, outcome, units,
            self.address_json, self.agent_json, self.tags_json,
            plan.record.environment.encode(), at_ms,
        )  # fmt: skip

    def allowed(self, plan: Plan, numbers: tuple[int, ...], credits_micro: int | None) -> None:
        """Answer that the call may pass."""
        raise NotImplementedError

    def refused(
        self,
        outcome: Outcome,
        plan: Plan | None = None,
        count: Count | None = None,
    ) -> None:
        """Answer that the call may not pass."""
        raise NotImplementedError

    def unavailable(self, detail: str) -> None:
        """Answer that nobody can say at the moment."""
        raise NotImplementedError
