"""Forward authorization: `/gateway/authorize` for nginx, Caddy, Traefik and their like."""

from secrets import token_urlsafe
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

from apikeys.gateway import headers as reading
from apikeys.gateway.answers import Answer, is_request_id, new_request_id
from apikeys.gateway.metering import json_path, json_text
from apikeys.gateway.plans import MICRO, Count, Plan
from apikeys.gateway.questions import Asked, Caller, Place, Question, Request
from apikeys.gateway.refusals import Outcome, PathAmbiguous, error_of
from apikeys.gateway.routes import AmbiguousPath, UnknownApi
from config.common.errors import DomainError, FieldError, InvalidInput

if TYPE_CHECKING:
    from apikeys.gateway.frontend import Frontend, Target

PATH = "/gateway/authorize"


class AuthorizeQuestion(Question):
    """A call that a proxy holds until it hears from us."""

    __slots__ = ("frontend", "named")

    frontend: "Frontend"
    named: reading.Named

    def allowed(self, plan: Plan, numbers: tuple[int, ...], credits_micro: int | None) -> None:
        """Answer 204 with identity and numbers, and without a body: nginx closes the connection otherwise."""
        head = plan.allowed_head(numbers)
        if credits_micro is not None:
            head += b"x-credits-remaining: %b\r\n" % units_of(credits_micro).encode()
        self.allowed_by_lease(plan, numbers, head)

    def allowed_by_lease(self, plan: Plan, _numbers: tuple[int, ...], head: bytes) -> None:
        """Answer the same with what all calls of a lease are told."""
        head = b"%bx-request-id: %b\r\n" % (head, self.request_id)
        if plan.route.sends_assertion:
            head += b"x-gateway-assertion: %b\r\n" % self._assertion(plan)
        self.request.deliver(204, head, b"")

    def _assertion(self, plan: Plan) -> bytes:
        record, target = plan.record, self.request.head.target
        # Of who is no proxy of ours only its own Host header is believed, as in `_place`.
        said = self.named if self.caller.is_trusted else {}
        scheme = target.said(said, "proto") or b"https"
        host = target.said(said, "host") or self.named.get(b"host", b"")
        claims = {
            "aud": plan.route.api_slug or "tollgate",
            "jti": token_urlsafe(16),
            "sub": f"key:{record.key_id}",
            "org": record.organization_id,
            "key": record.key_id,
            "scopes": list(record.scope_names),
            "htm": (target.said(said, "method") or b"GET").decode("latin-1"),
            "htu": (scheme + b"://" + host + self.place.path).decode("latin-1"),
        }
        return self.frontend.signer.sign(claims, int(time()))

    def refused(
        self, outcome: Outcome, plan: Plan | None = None, count: Count | None = None
    ) -> None:
        """Answer with the problem document of the refusal, and with the numbers where something was counted."""
        error = error_of(outcome, **told_by(outcome, plan, count, self.frontend.writer.public_url))
        numbers = b""
        if plan is not None and count is not None:
            if count.retry_seconds:
                error.headers["Retry-After"] = str(count.retry_seconds)
            numbers = plan.refused_head(count.numbers)
        self._fail(error, numbers)

    def unavailable(self, detail: str) -> None:
        """Answer 503."""
        self._fail(error_of(Outcome.UNAVAILABLE, detail))

    def _fail(self, error: DomainError, numbers: bytes = b"") -> None:
        instance = self.place.path.decode("latin-1") or PATH
        parts = (self.request_id, instance, numbers)
        self.request.deliver(*_problem(self.frontend, self.request.head.target, error, parts))


def _problem(
    frontend: "Frontend", target: "Target", error: DomainError, parts: tuple[bytes, str, bytes]
) -> Answer:
    """Return a problem document in the form that the proxy can carry."""
    writer = frontend.writer
    write = writer.nginx_problem if target.is_nginx else writer.problem
    return write(error, *parts)


def told_by(
    outcome: Outcome, plan: Plan | None, count: Count | None, public_url: str
) -> dict[str, Any]:
    """Return what a refusal tells besides its code: which policies refused, or what credits lack and who gives them."""
    if count is None or plan is None:
        return {}
    if outcome is not Outcome.INSUFFICIENT_CREDITS:
        return {"violated_policies": list(count.violated)}
    return {
        "balance": units_of(count.credits_micro or 0),
        "required": units_of(plan.cost * MICRO),
        "top_up_url": f"{public_url}/keys/{plan.record.key_id}/",
    }


def units_of(micro: int) -> str:
    """Return micro-units as a decimal string."""
    whole, fraction = divmod(micro, MICRO)
    return f"{whole}.{fraction:06d}".rstrip("0").rstrip(".") if fraction else str(whole)


def ask(frontend: "Frontend", request: Request) -> None:
    """Read the question out of a proxy's request and put it to the engine."""
    started = perf_counter()
    asked = request.head.asked
    if asked is None or asked[0] != request.peer:
        try:
            asked = request.head.asked = _read(frontend, request)
        except DomainError as error:
            _refuse_unread(frontend, request, error, started)
            return
    _, named, caller, place, secret = asked
    request_id = _request_id(named, caller.is_trusted)
    question = AuthorizeQuestion(request, secret, request_id, started, caller, place)
    question.frontend = frontend
    question.named = named
    if secret:
        frontend.engine.ask(question)
    else:
        frontend.engine.refuse(question, Outcome.MISSING)


def _read(frontend: "Frontend", request: Request) -> Asked:
    head = request.head
    named = reading.merged(head.repeated) if head.repeated else head.named
    caller, place = _circumstances(frontend, head.target, named, request.peer)
    return request.peer, named, caller, place, reading.presented_key(named)


def _circumstances(
    frontend: "Frontend", target: "Target", named: reading.Named, peer: str | None
) -> tuple[Caller, Place]:
    """Return who calls what. The same client calling the same route again is found by one look into one table."""
    get = named.get
    uri, method = get(target.uri_name), get(target.method_name)
    if uri is None or method is None or target.other_host_name in named:
        # Other headers than those of the table's key decide.
        caller = _caller(frontend, named, peer)
        return caller, _place(frontend, named, target, caller)
    key = (
        target, peer, uri, method, get(b"host"), get(target.host_name),
        get(b"x-forwarded-for"), get(b"user-agent"), get(b"origin"),
    )  # fmt: skip
    known = frontend.circumstances.get(key)
    if known is None:
        caller = _caller(frontend, named, peer)
        found = (caller, _place(frontend, named, target, caller))
        known = frontend.circumstances.keep(key, found)
    return known


def _refuse_unread(
    frontend: "Frontend", request: Request, error: DomainError, started: float
) -> None:
    frontend.count_invalid(started)
    request_id = _request_id(request.head.named, frontend.proxies.trust(request.peer))
    parts = (request_id, PATH, b"")
    request.deliver(*_problem(frontend, request.head.target, error, parts))


def _request_id(named: reading.Named, is_trusted: bool) -> bytes:  # noqa: FBT001  on the hot path
    """Return the id that a trusted proxy gave the call, else a new one: a client that repeats an id must not thereby
    have its calls taken for one.
    """
    offered = named.get(b"x-request-id")
    if offered is not None and is_trusted and is_request_id(offered):
        return offered
    return new_request_id()


def _caller(frontend: "Frontend", named: reading.Named, peer: str | None) -> Caller:
    get = named.get
    forwarded_for = get(b"x-forwarded-for")
    agent = get(b"user-agent")
    origin = get(b"origin")
    question = (peer, forwarded_for, agent, origin)
    known = frontend.callers.get(question)
    if known is not None:
        return known
    address = frontend.proxies.client_of(peer, forwarded_for or b"")
    caller = Caller(
        address=address,
        origin=origin.decode("latin-1") if origin is not None else None,
        json=b"%b,%b"
        % (json_text(address.encode()) if address else b"null", json_text(agent or b"")),
        is_trusted=frontend.proxies.trust(peer),
    )
    return frontend.callers.keep(question, caller)


def _place(frontend: "Frontend", named: reading.Named, target: "Target", caller: Caller) -> Place:
    """Return what is called. Of a peer that is no proxy of ours, only its own Host header is believed."""
    method, path, host = b"GET", b"", named.get(b"host", b"")
    if caller.is_trusted:
        method = target.said(named, "method") or method
        path = target.said(named, "uri").partition(b"?")[0]
        host = target.said(named, "host") or host
    question = (target.api, host, method, path)
    known = frontend.places.get(question)
    if known is not None:
        return known
    return frontend.places.keep(question, _match(frontend, target.api, host, method, path))


def _match(frontend: "Frontend", slug: str, host: bytes, method: bytes, path: bytes) -> Place:
    try:
        route = frontend.engine.routes.match(
            slug=slug,
            host=host.decode("latin-1"),
            method=method.decode("latin-1"),
            uri=path.decode("utf-8", "surrogateescape"),
        )
    except AmbiguousPath:
        raise PathAmbiguous from None
    except UnknownApi:
        raise InvalidInput(errors=[unknown_api("query")]) from None
    return Place(route, path, b"%b,%b" % (json_text(method, 20), json_path(path)))


def unknown_api(location: str) -> FieldError:
    """Return the complaint about a slug that no API has."""
    return FieldError(
        pointer="#/api",
        location=location,
        code="unknown_api",
        message="No API has this slug.",
        fix="Name the slug of an API, or leave it out.",
    )
