"""What every front end shares: which paths are the gate's, which methods they take, and where questions go."""

from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final
from urllib.parse import parse_qsl

from apikeys.gateway import forward_auth, verify
from apikeys.gateway.answers import Answer, Writer, new_request_id
from apikeys.gateway.assertion import Signer
from apikeys.gateway.engine import Engine
from apikeys.gateway.headers import Named, Proxies
from apikeys.gateway.memory import Remembered
from apikeys.gateway.options import Configuration
from apikeys.gateway.questions import Caller, Head, Place, Request
from apikeys.gateway.refusals import Outcome
from config.common.errors import (
    DomainError,
    FieldError,
    InvalidInput,
    MethodRefused,
    PayloadTooLarge,
)

AUTHORIZE_PATH: Final = forward_auth.PATH
VERIFY_PATH: Final = verify.PATH
PATHS: Final = frozenset({AUTHORIZE_PATH, VERIFY_PATH})
MAX_BODY_BYTES: Final = 16 * 1024
_MAX_TARGETS: Final = 1024
_ONCE: Final = frozenset({b"content-length", b"transfer-encoding", b"x-request-id"})
_MODES: Final = frozenset({"native", "nginx"})


# Envoy asks with the method of the original request, the others with GET.
_ASKING: Final = frozenset({b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"PATCH", b"POST", b"PUT"})
_POST: Final = frozenset({b"POST"})


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One of the gate's paths with its query, read once; `error` is what is wrong with the query.

    Proxies describe the original request in `X-Forwarded-*` or `X-Original-*`; where both families are there, nginx
    is asked for its own.
    """

    path: str
    methods: frozenset[bytes] = _ASKING
    is_nginx: bool = False
    api: str = ""
    error: DomainError | None = None
    uri_name: bytes = b"x-forwarded-uri"
    method_name: bytes = b"x-forwarded-method"
    host_name: bytes = b"x-forwarded-host"
    other_host_name: bytes = b"x-original-host"

    def said(self, named: Named, what: str) -> bytes:
        """Return what the proxy says of the original request."""
        first, second = _FAMILIES[what, self.is_nginx]
        value = named.get(first)
        return value if value is not None else named.get(second, b"")


_FAMILIES: Final = {
    (what, is_nginx): (b"x-original-" + name, b"x-forwarded-" + name)
    if is_nginx
    else (b"x-forwarded-" + name, b"x-original-" + name)
    for what, name in (
        ("method", b"method"),
        ("uri", b"uri"),
        ("host", b"host"),
        ("proto", b"proto"),
    )
    for is_nginx in (False, True)
}
_targets: dict[bytes, Target] = {}


def target_of(url: bytes) -> Target | None:
    """Return which of our paths a request target names, None when it is none of them."""
    target = _targets.get(url)
    if target is None and url.startswith((b"/gateway/authorize", b"/api/v1/keys/verify")):
        path, _, query = url.decode("latin-1").partition("?")
        if path in PATHS:
            if len(_targets) >= _MAX_TARGETS:
                _targets.clear()
            target = _targets[url] = read_target(path, query)
    return target


def read_target(path: str, query: str) -> Target:
    """Read a query; unknown, repeated and misspelt parameters are errors."""
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=20) if query else []
    allowed = {"mode", "api"} if path == AUTHORIZE_PATH else set()
    values: dict[str, str] = {}
    for name, value in pairs:
        if name not in allowed or name in values:
            return Target(
                path, error=_query_error(name, "There is no such parameter, or it is repeated.")
            )
        values[name] = value
    if values.get("mode", "native") not in _MODES:
        return Target(path, error=_query_error("mode", "The mode is native or nginx."))
    if path == VERIFY_PATH:
        return Target(path, methods=_POST)
    if values.get("mode") != "nginx":
        return Target(path, api=values.get("api", ""))
    return Target(
        path,
        is_nginx=True,
        api=values.get("api", ""),
        uri_name=b"x-original-uri",
        method_name=b"x-original-method",
        host_name=b"x-original-host",
        other_host_name=b"x-forwarded-host",
    )


def too_large() -> PayloadTooLarge:
    """Return the complaint about a body that no question needs."""
    return PayloadTooLarge(f"A body for the gate is at most {MAX_BODY_BYTES} bytes.")


def _query_error(name: str, message: str) -> InvalidInput:
    shown = name[:50].encode("ascii", "replace").decode()
    error = FieldError(
        pointer=f"#/{shown}",
        location="query",
        message=message,
        fix="Use mode=native or mode=nginx, and api=<slug>.",
    )
    return InvalidInput(errors=[error])


class Frontend:
    """The gate as its servers see it. One per process."""

    def __init__(self, configuration: Configuration, engine: Engine) -> None:
        self.engine = engine
        self.proxies = Proxies(configuration.trusted_proxies)
        self.writer = Writer(configuration.public_url, configuration.security_headers)
        self.signer = Signer(
            configuration.signing_keys, configuration.secret_key, configuration.public_url
        )
        # What repeats from call to call, worked out once; bounded, and places only good for one route table.
        self.callers: Remembered[
            tuple[str | None, bytes | None, bytes | None, bytes | None], Caller
        ] = Remembered()
        self.places: Remembered[tuple[str, bytes, bytes, bytes], Place] = Remembered()
        self.circumstances: Remembered[Any, tuple[Caller, Place]] = Remembered()
        self.heads = engine.heads
        engine.on_routes = self._forget_places

    def _forget_places(self) -> None:
        self.places.clear()
        self.circumstances.clear()

    def remember(self, data: bytes, head: Head | None) -> None:
        """Keep what was one whole question, unless it has a body, or an id of its own and so will not come again."""
        if head is None or head.method != b"GET" or not head.keeps_alive:
            return
        if _ONCE.isdisjoint(head.named):
            self.heads.keep(data, head)

    def handle(self, request: Request) -> None:
        """Answer one complete request to one of our paths, now or later."""
        head = request.head
        target = head.target
        if head.method not in target.methods:
            allow = ", ".join(sorted(name.decode() for name in target.methods))
            error = MethodRefused(headers={"Allow": allow})
            request.deliver(*self.problem(error, target.path))
        elif target.error is not None:
            request.deliver(*self.problem(target.error, target.path))
        elif target.methods is _POST:
            verify.ask(self, request)
        else:
            forward_auth.ask(self, request)

    def problem(self, error: DomainError, instance: str) -> Answer:
        """Return the answer to a request that asks nothing."""
        self.count_invalid(perf_counter())
        return self.writer.problem(error, new_request_id(), instance)

    def count_invalid(self, started: float) -> None:
        """Count a request that could not be read as a question."""
        self.engine.metrics.observe(Outcome.INVALID, started)
