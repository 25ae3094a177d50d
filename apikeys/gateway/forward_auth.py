"""Forward authorization: `/gateway/authorize` for nginx, Caddy, Traefik and their like."""

from secrets import token_urlsafe
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

from apikeys.gateway import headers as reading
from apikeys.gateway.answers import REQUEST_ID, Answer, new_request_id
from apikeys.gateway.metering import json_path, json_text
from apikeys.gateway.plans import MICRO, Count, Plan
from apikeys.gateway.questions import Question, Sink
from apikeys.gateway.refusals import Outcome, PathAmbiguous, error_of
from apikeys.gateway.routes import AmbiguousPath, Route, UnknownApi
from config.common.errors import DomainError, FieldError, InvalidInput

if TYPE_CHECKING:
    from apikeys.gateway.frontend import Frontend, Target

_MAX_ROUTES = 8192


class AuthorizeQuestion(Question):
    """A call that a proxy holds until it hears from us."""

    __slots__ = ("frontend", "named", "path", "target")

    frontend: "Frontend"
    named: dict[bytes, bytes]
    path: bytes
    target: "Target"

    def allowed(self, plan: Plan, numbers: tuple[int, ...], credits_micro: int | None) -> None:
        """Answer 204 with identity and numbers, and without a body: nginx closes the connection otherwise."""
        if len(numbers) == 2:
            head = plan.allowed_format % (
                *numbers, plan.policies[0][1], numbers[0], numbers[1], self.request_id,
            )  # fmt: skip
        else:
            head = plan.allowed_format % (*numbers, *plan.tightest(numbers), self.request_id)
        if credits_micro is not None:
            head += b"x-credits-remaining: %b\r\n" % units_of(credits_micro).encode()
        if plan.route.sends_assertion:
            head += b"x-gateway-assertion: %b\r\n" % self._assertion(plan)
        self.sink.deliver(204, head, b"")

    def _assertion(self, plan: Plan) -> bytes:
        record = plan.record
        host = _forwarded(self.named, b"host", is_nginx=self.target.is_nginx)
        scheme = _forwarded(self.named, b"proto", is_nginx=self.target.is_nginx) or b"https"
        claims = {
            "aud": plan.route.api_slug or "tollgate",
            "jti": token_urlsafe(16),
            "sub": f"key:{record.key_id}",
            "org": record.organization_id,
            "key": record.key_id,
            "scopes": list(record.scope_names),
            "htm": self.method_json.strip(b'"').decode("latin-1"),
            "htu": (scheme + b"://" + host + self.path).decode("latin-1"),
        }
        return self.frontend.signer.sign(claims, int(time()))

    def refused(
        self, outcome: Outcome, plan: Plan | None = None, count: Count | None = None
    ) -> None:
        """Answer with the problem document of the refusal, and with the numbers where something was counted."""
        error = error_of(outcome, **_extras(outcome, plan, count, self.frontend.writer.public_url))
        numbers = b""
        if plan is not None and count is not None:
            if count.retry_seconds:
                error.headers["Retry-After"] = str(count.retry_seconds)
            numbers = plan.policy_header + plan.numbers_format % (
                *count.numbers, *plan.tightest(count.numbers), self.request_id,
            )  # fmt: skip
        self._fail(error, numbers)

    def unavailable(self, detail: str) -> None:
        """Answer 503."""
        self._fail(error_of(Outcome.UNAVAILABLE, detail))

    def _fail(self, error: DomainError, numbers: bytes = b"") -> None:
        instance = self.path.decode("latin-1") or "/gateway/authorize"
        self.sink.deliver(
            *problem(self.frontend, self.target, error, self.request_id, instance, numbers)
        )


def problem(  # noqa: PLR0917  the parts of one answer
    frontend: "Frontend",
    target: "Target",
    error: DomainError,
    request_id: bytes,
    instance: str,
    numbers: bytes = b"",
) -> Answer:
    """Return a problem document in the form that the proxy can carry."""
    writer = frontend.writer
    write = writer.nginx_problem if target.is_nginx else writer.problem
    return write(error, request_id, instance, numbers)


def _extras(
    outcome: Outcome, plan: Plan | None, count: Count | None, public_url: str
) -> dict[str, Any]:
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


def ask(
    frontend: "Frontend",
    sink: Sink,
    target: "Target",
    headers: reading.Headers,
    peer: str | None,
) -> None:
    """Read the question out of a proxy's request and put it to the engine."""
    started = perf_counter()
    request_id = b""
    try:
        named = reading.table(headers)
        is_trusted = frontend.proxies.trust(peer)
        if is_trusted:
            offered = named.get(b"x-request-id")
            if offered is not None and REQUEST_ID.fullmatch(offered):
                request_id = offered
        request_id = request_id or new_request_id()
        secret = reading.presented_key(named)
        question = AuthorizeQuestion(sink, secret, request_id, started)
        question.frontend = frontend
        question.named = named
        question.target = target
        method, uri = _original(named, target) if is_trusted else (b"GET", b"")
        question.path = path = uri.partition(b"?")[0]
        question.route = _route(frontend, named, target, method, path, is_trusted=is_trusted)
    except DomainError as error:
        frontend.count_invalid(started)
        sink.deliver(
            *problem(frontend, target, error, request_id or new_request_id(), "/gateway/authorize")
        )
        return
    address = frontend.proxies.client_of(
        peer, named.get(b"x-forwarded-for", b"") if is_trusted else b""
    )
    question.address = address
    question.address_json = b'"%b"' % address.encode() if address else b"null"
    question.method_json = json_text(method, 20)
    question.path_json = json_path(path)
    agent = named.get(b"user-agent")
    if agent:
        question.agent_json = json_text(agent)
    origin = named.get(b"origin")
    if origin is not None:
        question.origin = origin.decode("latin-1")
    if not secret:
        frontend.engine.refuse(question, Outcome.MISSING)
        return
    frontend.engine.ask(question)


def _forwarded(named: dict[bytes, bytes], what: bytes, *, is_nginx: bool) -> bytes:
    """Return what the proxy says; where both families are there, nginx is asked for its own."""
    forwarded, original = named.get(b"x-forwarded-" + what), named.get(b"x-original-" + what)
    first, second = (original, forwarded) if is_nginx else (forwarded, original)
    return first if first is not None else second or b""


def _original(named: dict[bytes, bytes], target: "Target") -> tuple[bytes, bytes]:
    """Return method and URI of the original request."""
    is_nginx = target.is_nginx
    method = _forwarded(named, b"method", is_nginx=is_nginx) or b"GET"
    return method, _forwarded(named, b"uri", is_nginx=is_nginx)


def _route(
    frontend: "Frontend",
    named: dict[bytes, bytes],
    target: "Target",
    method: bytes,
    path: bytes,
    *,
    is_trusted: bool,
) -> Route:
    host = _forwarded(named, b"host", is_nginx=target.is_nginx) if is_trusted else b""
    host = host or named.get(b"host", b"")
    table = frontend.engine.routes
    if frontend.routes_of is not table:
        frontend.routes_of = table
        frontend.known_routes.clear()
    question = (target.api, host, method, path)
    known = frontend.known_routes.get(question)
    if known is not None:
        return known
    if len(frontend.known_routes) >= _MAX_ROUTES:
        frontend.known_routes.clear()
    try:
        route = table.match(
            slug=target.api,
            host=host.decode("latin-1"),
            method=method.decode("latin-1"),
            uri=path.decode("utf-8", "surrogateescape"),
        )
    except AmbiguousPath:
        raise PathAmbiguous from None
    except UnknownApi:
        raise InvalidInput(errors=[unknown_api("query")]) from None
    frontend.known_routes[question] = route
    return route


def unknown_api(location: str) -> FieldError:
    """Return the complaint about a slug that no API has."""
    return FieldError(
        pointer="#/api",
        location=location,
        code="unknown_api",
        message="No API has this slug.",
        fix="Name the slug of an API, or leave it out.",
    )
