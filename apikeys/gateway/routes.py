"""The compiled route table: which rule of which API describes a call.

A path is matched in two readings, as written and as the most lenient upstream would take it; where they lead to
different rules the call is refused, so that no spelling of a path dodges a rule.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, unquote_to_bytes

from apikeys.gateway.limits import Rate
from apikeys.restrictions import Mode, ScopeExpression, ScopeSyntaxError, parse_expression

_MAX_SEGMENTS: Final = 64
_MAX_DECODINGS: Final = 4
# Lower case, nothing encoded, no empty or dot segment: both readings are the same.
_PLAIN: Final = re.compile(r"/|(?:/(?!\.\.?(?:/|$))[a-z0-9._~-]+)+/?")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# 0xC0 and 0xC1 begin only overlong UTF-8, an old way to write a dot or a slash.
_OVERLONG: Final = re.compile(r"%(?:25)*c[01]", re.IGNORECASE)
# The double slash that many a client leaves in, or somebody's idea of where the host ends.
_LIKE_A_HOST: Final = re.compile(r"[/\\]{2,}[^/\\]*[/\\]?")
_PARAMETER: Final = re.compile(r"\{[^{}/]+\}")

Segments = tuple[str, ...]


class AmbiguousPath(ValueError):
    """Different servers would read this path differently, and the rules disagree about it."""


class UnknownApi(LookupError):
    """No API has the slug that the proxy names."""


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """What calls of one rule, or of an API's default rule, need and cost. Compared by identity."""

    api_id: int = 0
    rule_id: int = 0
    api_slug: str = ""
    scope: ScopeExpression | None = None
    is_scope_readable: bool = True
    cost: int = 1
    meter: str = "calls"
    rate: Rate | None = None
    mode: Mode = Mode.STRICT
    sends_assertion: bool = False
    is_denied: bool = False
    is_disabled: bool = False


NO_API: Final = Route()


class _Node:
    """One segment of the tree of patterns."""

    __slots__ = ("here", "literals", "parameter", "rest")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.here: dict[str, Route] = {}
        self.rest: dict[str, Route] = {}

    def find(self, segments: Segments, index: int, method: str) -> Route | None:
        """Return the most specific rule: from left to right a literal beats `{param}`, which beats `*`."""
        if index == len(segments):
            return _of_method(self.here, method) or _of_method(self.rest, method)
        found = None
        literal = self.literals.get(segments[index])
        if literal is not None:
            found = literal.find(segments, index + 1, method)
        if found is None and self.parameter is not None:
            found = self.parameter.find(segments, index + 1, method)
        return found or _of_method(self.rest, method)

    def add(self, pattern: Segments, methods: Iterable[str], route: Route) -> None:
        """Hang a rule below this node; no methods means any."""
        node, leaf = self, self.here
        for index, part in enumerate(pattern):
            if part == "*" and index == len(pattern) - 1:
                leaf = node.rest
                break
            if part == "*" or _PARAMETER.fullmatch(part):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(part, _Node())
            leaf = node.here
        for method in methods:
            leaf.setdefault(method, route)


def _of_method(routes: Mapping[str, Route], method: str) -> Route | None:
    # A HEAD is a GET to almost every upstream: a rule for GET holds for it too.
    return routes.get(method) or (routes.get("GET") if method == "HEAD" else None) or routes.get("")


@dataclass(slots=True)
class _Api:
    """One API: where it lies, its rules in both readings, and its default rule."""

    slug: str
    hosts: frozenset[str]
    base: Segments
    default: Route
    exact: _Node = field(default_factory=_Node)
    folded: _Node | None = field(default_factory=_Node)

    def holds(self, segments: Segments, *, is_lenient: bool) -> bool:
        """Whether the path lies below the API's base path."""
        start = segments[: len(self.base)]
        return _fold(start) == _fold(self.base) if is_lenient else start == self.base

    def route(self, segments: Segments, method: str, *, is_lenient: bool) -> Route:
        """Return the rule for a path, or the default rule."""
        if not self.holds(segments, is_lenient=is_lenient):
            return self.default
        if is_lenient and self.folded is not None:
            found = self.folded.find(_fold(segments), len(self.base), method)
        else:
            found = self.exact.find(segments, len(self.base), method)
        return found or self.default


class RouteTable:
    """All APIs and their rules; immutable once built."""

    def __init__(self, apis: Iterable[Mapping[str, Any]] = ()) -> None:
        self._apis = sorted((_compile(api) for api in apis), key=lambda api: -len(api.base))
        self._by_slug = {api.slug: api for api in self._apis}

    def match(self, *, slug: str, host: str, method: str, uri: str) -> Route:
        """Return the rule for a call.

        The API is the one the proxy names, else the one of this host (else of any host) with the longest base path.
        Raises AmbiguousPath and UnknownApi.
        """
        if slug and slug not in self._by_slug:
            raise UnknownApi(slug)
        if not self._apis:
            return NO_API
        place, verb = _hostname(host), method.upper()
        route = self._agreed(slug, place, verb, uri)
        for other in _other_paths(uri):
            if not _asks_no_more(self._agreed(slug, place, verb, other), route):
                raise AmbiguousPath(uri)
        return route

    def _agreed(self, slug: str, host: str, method: str, uri: str) -> Route:
        """Return the rule on which both readings of a path agree. Raises AmbiguousPath."""
        written, lenient = readings(uri)
        route = self._route(slug, host, method, written, is_lenient=False)
        if self._route(slug, host, method, lenient, is_lenient=True) is not route:
            raise AmbiguousPath(uri)
        return route

    def _route(
        self, slug: str, host: str, method: str, segments: Segments, *, is_lenient: bool
    ) -> Route:
        api = self._by_slug[slug] if slug else self._api_at(host, segments, is_lenient=is_lenient)
        return api.route(segments, method, is_lenient=is_lenient) if api else NO_API

    def _api_at(self, host: str, segments: Segments, *, is_lenient: bool) -> _Api | None:
        at_path = [api for api in self._apis if api.holds(segments, is_lenient=is_lenient)]
        named = (api for api in at_path if host in api.hosts)
        unnamed = (api for api in at_path if not api.hosts)
        return next(named, None) or next(unnamed, None)


def readings(uri: str) -> tuple[Segments, Segments]:
    """Return a path's segments as written and as the most lenient server would take them.

    As written: decoded once, dot segments resolved, double slashes joined. Leniently: decoded until nothing changes,
    with `\\` for `/`, without `;parameters`; it is compared without regard to case. Raises AmbiguousPath for what
    nobody should accept.
    """
    path = _path_of(uri)
    if _PLAIN.fullmatch(path):
        segments = tuple(path.strip("/").split("/")) if path != "/" else ()
        return _bounded(segments), segments
    if _BAD_ESCAPE.search(path) or _OVERLONG.search(path):
        raise AmbiguousPath(uri)
    if _CONTROL.search(unquote(path, "latin-1")):
        raise AmbiguousPath(uri)
    written = _resolved([_decoded(part) for part in path.split("/")])
    lenient = _fully_decoded(path).replace("\\", "/")
    folded = _resolved([part.partition(";")[0] for part in lenient.split("/")])
    return _bounded(written), _bounded(folded)


def _other_paths(uri: str) -> Iterator[str]:
    """Yield the paths that some servers take a request target for although most do not.

    Some look for a fragment in it and some do not, and those that read it as a reference take what follows two slashes
    for a host: `new URL(request.url, base)` in JavaScript makes `/b` of `//a/b`.
    """
    if _PLAIN.fullmatch(uri):
        return
    target = uri.partition("?")[0]
    if "#" in target:
        yield target.replace("#", "%23")
    path = target.partition("#")[0]
    if _LIKE_A_HOST.match(path):
        yield _LIKE_A_HOST.sub("/", path, count=1)


def _asks_no_more(other: Route, route: Route) -> bool:
    """Whether a call that passed one route might have passed the other: an API's own terms, no harder than these."""
    has_scope = other.scope is not None or not other.is_scope_readable
    is_open = other.rule_id == 0 and not has_scope and other.rate is None
    is_offered = not (other.is_denied or other.is_disabled)
    return other is route or (is_open and is_offered and other.cost <= route.cost)


def _path_of(uri: str) -> str:
    """Cut query, fragment and, from an absolute URI, scheme and host."""
    path = re.split(r"[?#]", uri, maxsplit=1)[0]
    if not path.startswith("/"):
        scheme, mark, rest = path.partition("://")
        if path and not (mark and scheme.isalpha()):
            raise AmbiguousPath(uri)
        path = "/" + rest.partition("/")[2]
    return path


def _decoded(text: str) -> str:
    # Bytes that are not UTF-8 stay apart from any literal instead of merging into one replacement character.
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode(
        "utf-8", "surrogateescape"
    )


def _fully_decoded(path: str) -> str:
    for _ in range(_MAX_DECODINGS):
        decoded = _decoded(path)
        if decoded == path:
            if _CONTROL.search(path):
                raise AmbiguousPath(path)
            return path
        path = decoded
    raise AmbiguousPath(path)


def _resolved(parts: list[str]) -> Segments:
    segments: list[str] = []
    for part in parts:
        if part == "..":
            if segments:
                segments.pop()
        elif part not in {"", "."}:
            segments.append(part)
    return tuple(segments)


def _bounded(segments: Segments) -> Segments:
    if len(segments) > _MAX_SEGMENTS:
        raise AmbiguousPath("/".join(segments))
    return segments


def _fold(segments: Segments) -> Segments:
    return tuple(part.lower() for part in segments)


def _hostname(host: str) -> str:
    """Return a host in lower case without its port and without a final dot."""
    name = re.sub(r":\d*$", "", host.strip().lower())
    return name.removesuffix(".")


def parse_pattern(text: str) -> Segments:
    """Read a path pattern. Raises ValueError unless it is an absolute path of literals, `{params}` and a final `*`."""
    parts = [part for part in text.split("/") if part]
    if not text.startswith("/") or len(parts) > _MAX_SEGMENTS:
        raise ValueError("A path pattern starts with / and has at most 64 segments.")
    for index, part in enumerate(parts):
        is_last_star = part == "*" and index == len(parts) - 1
        is_odd = bool(re.search(r"[*{}?#;\\\s]", part)) and not _PARAMETER.fullmatch(part)
        if part in {".", ".."} or (is_odd and not is_last_star):
            raise ValueError(f"{part!r} is neither a literal, nor a {{param}}, nor a final *.")
    return tuple(part if _PARAMETER.fullmatch(part) else _decoded(part) for part in parts)


def _compile(api: Mapping[str, Any]) -> _Api:
    compiled = _Api(
        slug=api["slug"],
        hosts=frozenset(_hostname(host) for host in api["hosts"]),
        base=_resolved([_decoded(part) for part in api["base_path"].split("/")]),
        default=_default_route(api),
    )
    patterns = [(rule, _lenient_pattern(rule["path_pattern"])) for rule in api["rules"]]
    spellings = {pattern for _, pattern in patterns}
    if len({_fold(pattern) for pattern in spellings}) != len(spellings):
        # Literals that differ by case alone must stay apart: such an API is read as its rules are written.
        compiled.folded = None
    for rule, pattern in patterns:
        route = _rule_route(api, rule)
        methods = [method.upper() for method in rule["methods"]] or [""]
        compiled.exact.add(pattern, methods, route)
        if compiled.folded is not None:
            compiled.folded.add(_fold(pattern), methods, route)
    return compiled


def _lenient_pattern(text: str) -> Segments:
    # A row that was written past the form's checks still gives a usable table. Parameters' names do not matter.
    return tuple(
        "{x}" if _PARAMETER.fullmatch(part) else _decoded(part) for part in text.split("/") if part
    )


def _default_route(api: Mapping[str, Any]) -> Route:
    return Route(
        api_id=api["id"],
        api_slug=api["slug"],
        cost=api["default_cost"],
        meter=api["default_meter"],
        rate=_rate(api, "default_"),
        mode=Mode(api["mode"]),
        sends_assertion=api["sends_assertion"],
        is_denied=api["unknown_route_policy"] == "deny",
        is_disabled=api["is_disabled"],
        **_scope(api["default_scope"]),
    )


def _rule_route(api: Mapping[str, Any], rule: Mapping[str, Any]) -> Route:
    return Route(
        api_id=api["id"],
        rule_id=rule["id"],
        api_slug=api["slug"],
        cost=rule["cost"],
        meter=rule["meter"],
        rate=_rate(rule),
        mode=Mode(rule["mode"] or api["mode"]),
        sends_assertion=api["sends_assertion"],
        is_disabled=api["is_disabled"],
        **_scope(rule["required_scope"]),
    )


def _rate(terms: Mapping[str, Any], prefix: str = "") -> Rate | None:
    """Return the rate of its own that a rule or a default rule has."""
    parts = (terms[f"{prefix}{part}"] for part in ("rate_limit", "rate_per_seconds", "rate_burst"))
    limit, per_seconds, burst = parts
    return None if limit is None else Rate(limit, per_seconds, burst)


def _scope(text: str) -> dict[str, Any]:
    """Compile a required scope; one that cannot be read lets nobody pass instead of everybody."""
    if not text.strip():
        return {}
    try:
        return {"scope": parse_expression(text)}
    except ScopeSyntaxError:
        return {"is_scope_readable": False}
