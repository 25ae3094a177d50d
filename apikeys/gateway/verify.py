"""`POST /api/v1/keys/verify`: a seller's backend asks about a key that was presented to it."""

from time import perf_counter, time
from typing import TYPE_CHECKING, Any, Final

import orjson

from apikeys.gateway import headers as reading
from apikeys.gateway.answers import is_request_id, new_request_id
from apikeys.gateway.bodies import Verification, read
from apikeys.gateway.decision import refusal_of
from apikeys.gateway.forward_auth import units_of, unknown_api
from apikeys.gateway.metering import json_path, json_tags, json_text
from apikeys.gateway.plans import Count, Plan
from apikeys.gateway.questions import Caller, Place, Question, Request
from apikeys.gateway.records import KeyRecord
from apikeys.gateway.refusals import ERRORS, Outcome, PathAmbiguous, error_of
from apikeys.gateway.routes import NO_API, AmbiguousPath, Route, UnknownApi
from apikeys.gateway.store import StoreDown
from config.common.errors import DomainError, InvalidInput, UnsupportedMediaType

if TYPE_CHECKING:
    from apikeys.gateway.frontend import Frontend

SCOPE: Final = "keys:verify"
PATH: Final = "/api/v1/keys/verify"
_UNKNOWN: Final = orjson.dumps(
    dict.fromkeys(
        (
            "key_id", "organization_id", "name", "environment", "external_id", "metadata", "scopes",
            "expires_at", "plan",
        )
    )
)[1:-1]  # fmt: skip


class VerifyQuestion(Question):
    """A call that the seller's backend holds until it hears from us. Every verdict about the key is a 200."""

    frontend: "Frontend"
    echo_id: bytes

    def allowed(self, plan: Plan, numbers: tuple[int, ...], credits_micro: int | None) -> None:
        """Answer that the key is good for this call."""
        self._answer({"valid": True, "code": "VALID"}, plan, numbers, credits_micro)

    def refused(
        self, outcome: Outcome, plan: Plan | None = None, count: Count | None = None
    ) -> None:
        """Answer that it is not, and why."""
        error = ERRORS[outcome]
        verdict: dict[str, Any] = {
            "valid": False,
            "code": outcome.value,
            "detail": error.title + ".",
        }
        if count is not None:
            verdict["violated_policies"] = list(count.violated)
            verdict["retry_after_seconds"] = count.retry_seconds or None
        numbers = count.numbers if count else ()
        self._answer(verdict, plan, numbers, count.credits_micro if count else None)

    def unavailable(self, detail: str) -> None:
        """Answer 503."""
        error = error_of(Outcome.UNAVAILABLE, detail)
        self.request.deliver(*self.frontend.writer.problem(error, self.echo_id, PATH))

    def _answer(
        self,
        verdict: dict[str, Any],
        plan: Plan | None,
        numbers: tuple[int, ...],
        credits_micro: int | None,
    ) -> None:
        counted = {
            "limits": _limits(plan, numbers) if plan and numbers else [],
            "credits": _credits(plan, credits_micro),
            "request_id": self.request_id.decode(),
        }
        fragment = plan.record.fragment if plan else _UNKNOWN
        body = b"%b,%b,%b" % (orjson.dumps(verdict)[:-1], fragment, orjson.dumps(counted)[1:])
        self.request.deliver(*self.frontend.writer.document(body, self.echo_id))


def _limits(plan: Plan, numbers: tuple[int, ...]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "limit": quantity,
            "window_seconds": window,
            "remaining": numbers[2 * index],
            "reset_seconds": numbers[2 * index + 1],
        }
        for index, (name, quantity, window) in enumerate(plan.policies)
    ]


def _credits(plan: Plan | None, credits_micro: int | None) -> dict[str, str] | None:
    if plan is None or credits_micro is None:
        return None
    return {"limit": units_of(plan.counters[-1].limit), "remaining": units_of(credits_micro)}


def ask(frontend: "Frontend", request: Request) -> None:
    """Authenticate the service key, then read the body and put the question to the engine."""
    started = perf_counter()
    asked = _Asked(frontend, request, started, new_request_id())
    try:
        head = request.head
        named = reading.merged(head.repeated) if head.repeated else head.named
        asked.named = named
        offered = named.get(b"x-request-id", b"")
        if is_request_id(offered):
            asked.echo_id = offered
        secret = reading.presented_key(named)
        if not secret:
            raise error_of(Outcome.MISSING, "Send a service key as `Authorization: Bearer tgs_…`.")
    except DomainError as error:
        asked.fail(error)
    else:
        frontend.engine.find(secret, asked.proceed)


class _Asked:
    """A verification while its service key is looked up."""

    def __init__(
        self, frontend: "Frontend", request: Request, started: float, request_id: bytes
    ) -> None:
        self.frontend = frontend
        self.request = request
        self.started = started
        self.request_id = self.echo_id = request_id
        self.named: reading.Named = {}

    def proceed(self, service: KeyRecord | StoreDown | None) -> None:
        """Put the question if the service key permits it."""
        try:
            forwarded_for = self.named.get(b"x-forwarded-for", b"")
            address = self.frontend.proxies.client_of(self.request.peer, forwarded_for)
            _require_service(self.frontend, service, address)
            _require_json(self.named)
            question = self._question(read(self.request.body))
        except DomainError as error:
            self.fail(error)
            return
        self.frontend.engine.ask(question)

    def fail(self, error: DomainError) -> None:
        """Answer a request that is no question."""
        self.frontend.count_invalid(self.started)
        self.request.deliver(*self.frontend.writer.problem(error, self.echo_id, PATH))

    def _question(self, asked: Verification) -> VerifyQuestion:
        address = json_text(asked.ip.encode()) if asked.ip else b"null"
        path = asked.path.partition("?")[0].encode()
        method = json_text(asked.method.encode(), 20)
        question = VerifyQuestion(
            self.request,
            asked.key.strip().encode(),
            self.request_id,
            self.started,
            Caller(asked.ip, asked.origin, address + b',""'),
            Place(_route(self.frontend, asked), path, method + b"," + json_path(path)),
        )
        question.frontend = self.frontend
        question.echo_id = self.echo_id
        question.cost = asked.cost
        question.asked = asked.scopes
        question.resource = asked.resource
        question.tags_json = json_tags(asked.tags)
        return question


def _require_service(
    frontend: "Frontend", service: KeyRecord | StoreDown | None, address: str | None
) -> None:
    if isinstance(service, StoreDown):
        raise error_of(Outcome.UNAVAILABLE, "The service key cannot be looked up at the moment.")
    if service is None or not service.is_service_key:
        raise error_of(Outcome.NOT_FOUND, "This is not a service key.")
    outcome = refusal_of(service, time() * 1000, address, None, is_service=True)
    if outcome is not None:
        raise error_of(outcome)
    if not service.scopes.has(SCOPE):
        raise error_of(Outcome.INSUFFICIENT_SCOPE, f"The service key lacks the scope {SCOPE}.")
    frontend.engine.service_key_used(service)


def _require_json(named: reading.Named) -> None:
    media_type = named.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
    if media_type != b"application/json":
        raise UnsupportedMediaType


def _route(frontend: "Frontend", asked: Verification) -> Route:
    if not asked.names_a_route:
        return NO_API
    try:
        return frontend.engine.routes.match(
            slug=asked.api, host="", method=asked.method or "GET", uri=asked.path
        )
    except AmbiguousPath:
        raise PathAmbiguous from None
    except UnknownApi:
        raise InvalidInput(errors=[unknown_api("body")]) from None
