"""What a key may do, from where and how often: words and checks of the gate's rules. Pure: no Django, no I/O."""

import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from config.common.addresses import Network, is_within, parse_address, parse_network


class EnvironmentName(StrEnum):
    """The two environments a key can belong to; the word is part of the key itself."""

    LIVE = "live"
    TEST = "test"


class QuotaPeriod(StrEnum):
    """Periods of a quota. Days, weeks (from Monday) and months are UTC; BILLING follows the subscription."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    BILLING = "billing"


class Refill(StrEnum):
    """When a key's credits are filled up again (UTC)."""

    NONE = "none"
    DAILY = "daily"
    MONTHLY = "monthly"


class Mode(StrEnum):
    """What a recorded call survives.

    STRICT writes the usage event in the same atomic script that counts the call. LEASED takes tokens in portions and
    writes events every 100 ms: a killed process can lose that much of the log, never a charge, quota or limit.
    """

    STRICT = "strict"
    LEASED = "leased"


class UnknownRoutePolicy(StrEnum):
    """What an API does with a call that none of its rules describes."""

    ALLOW = "allow"
    DENY = "deny"


class ScopeSyntaxError(ValueError):
    """A scope, or an expression of scopes, that cannot be read; `position` counts characters from 0."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(f"{message} at character {position + 1}")
        self.position = position


_MAX_EXPRESSION = 1000
_MAX_DEPTH = 16
_SEGMENT = r"(?:[A-Za-z0-9_-]+|\*)"
_SCOPE = re.compile(rf"{_SEGMENT}(?:[:./]{_SEGMENT})*")
_TOKEN = re.compile(r"\s*([()]|[^\s()]+)")
_SEPARATOR = re.compile(r"[:./]")
_OPERATORS = frozenset({"AND", "OR"})


def normalize_scope(text: str) -> str:
    """Return the scope without surrounding space. Raises ScopeSyntaxError on one that is not."""
    scope = text.strip()
    if not _SCOPE.fullmatch(scope) or scope.upper() in _OPERATORS:
        raise ScopeSyntaxError(f"{scope[:40]!r} is not a scope")
    return scope


class Scopes:
    """What a key may do. `*` stands for one segment, at the end for all that follow, alone for everything."""

    __slots__ = ("_exact", "_patterns")

    def __init__(self, granted: Iterable[str]) -> None:
        scopes = tuple(granted)
        self._exact = frozenset(scope for scope in scopes if "*" not in scope)
        self._patterns = tuple(_SEPARATOR.split(scope) for scope in scopes if "*" in scope)

    def has(self, scope: str) -> bool:
        """Whether one of the granted scopes covers this one. A wildcard asked for needs a wildcard granted."""
        if scope in self._exact:
            return True
        wanted = _SEPARATOR.split(scope)
        return any(_covers(pattern, wanted) for pattern in self._patterns)


def _covers(pattern: list[str], wanted: list[str]) -> bool:
    if pattern[-1] == "*":
        if len(wanted) < len(pattern):
            return False
    elif len(wanted) != len(pattern):
        return False
    return all(part in {"*", word} for part, word in zip(pattern, wanted, strict=False))


@dataclass(frozen=True, slots=True)
class ScopeExpression:
    """A boolean expression of scopes: one scope, or all or any of several expressions."""

    scope: str = ""
    parts: tuple["ScopeExpression", ...] = ()
    needs_all: bool = True

    def is_met_by(self, scopes: Scopes, resource: str = "") -> bool:
        """Whether the scopes suffice; with a resource, a scope limited to it (`name:resource`) does too."""
        if self.scope:
            return scopes.has(self.scope) or (
                bool(resource) and scopes.has(f"{self.scope}:{resource}")
            )
        results = (part.is_met_by(scopes, resource) for part in self.parts)
        return all(results) if self.needs_all else any(results)


@lru_cache(maxsize=1024)
def parse_expression(text: str) -> ScopeExpression:
    """Read `a AND (b OR c)`; AND binds tighter than OR, a comma or mere space is no operator.

    Raises ScopeSyntaxError with the position of what cannot be read, and for more than 1,000 characters or 16 levels.
    """
    if len(text) > _MAX_EXPRESSION:
        raise ScopeSyntaxError(f"The expression is longer than {_MAX_EXPRESSION} characters")
    reader = _ExpressionReader(text)
    expression = reader.any_of(depth=0)
    reader.require_end()
    return expression


class _ExpressionReader:
    """A recursive-descent reader; recursion is bounded by `_MAX_DEPTH` parentheses."""

    def __init__(self, text: str) -> None:
        self._tokens = [(match[1], match.start(1)) for match in _TOKEN.finditer(text)]
        self._tokens.append(("", len(text)))
        self._next = 0

    def any_of(self, depth: int) -> ScopeExpression:
        parts = [self._all_of(depth)]
        while self._accept("OR"):
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else ScopeExpression(parts=tuple(parts), needs_all=False)

    def _all_of(self, depth: int) -> ScopeExpression:
        parts = [self._one(depth)]
        while self._accept("AND"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else ScopeExpression(parts=tuple(parts))

    def _one(self, depth: int) -> ScopeExpression:
        token, position = self._tokens[self._next]
        if depth > _MAX_DEPTH:
            raise ScopeSyntaxError(f"More than {_MAX_DEPTH} levels of parentheses", position)
        if self._accept("("):
            inner = self.any_of(depth + 1)
            if not self._accept(")"):
                raise ScopeSyntaxError("A closing parenthesis is missing", self._position)
            return inner
        if token in {"", ")"} or token.upper() in _OPERATORS:
            raise ScopeSyntaxError("A scope is missing", position)
        if not _SCOPE.fullmatch(token):
            raise ScopeSyntaxError(f"{token[:40]!r} is not a scope", position)
        self._next += 1
        return ScopeExpression(scope=token)

    def require_end(self) -> None:
        token, position = self._tokens[self._next]
        if token:
            raise ScopeSyntaxError(f"AND or OR is missing before {token[:40]!r}", position)

    @property
    def _position(self) -> int:
        return self._tokens[self._next][1]

    def _accept(self, word: str) -> bool:
        if self._tokens[self._next][0].upper() != word:
            return False
        self._next += 1
        return True


class AddressList:
    """Networks that calls may come from; an empty list allows every address.

    An entry that cannot be read matches nothing: damaged data closes the gate instead of opening it.
    """

    __slots__ = ("_is_empty", "_networks")

    def __init__(self, texts: Iterable[str]) -> None:
        entries = tuple(texts)
        self._is_empty = not entries
        networks = [_network_or_none(text) for text in entries]
        self._networks = tuple(network for network in networks if network is not None)

    def __bool__(self) -> bool:
        return not self._is_empty

    def allows(self, address: str | None) -> bool:
        """Whether a call from this address may pass; an unknown address is on no list."""
        return self._is_empty or self.contains(address)

    def contains(self, address: str | None) -> bool:
        """Whether one of the networks holds this address."""
        return is_within(parse_address(address or ""), self._networks)


def _network_or_none(text: str) -> Network | None:
    try:
        return parse_network(text)
    except ValueError:
        return None


_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")


def normalize_origin(text: str) -> str:
    """Return an origin in lower case without a default port; `https://*.example.com` stays a pattern.

    Raises ValueError for anything else than scheme, host and port.
    """
    scheme, mark, rest = text.strip().lower().partition("://")
    host, _, port = rest.rpartition(":") if re.search(r":\d+$", rest) else (rest, "", "")
    is_port = port == "" or (port.isascii() and port.isdigit() and 0 < int(port) < 65536)
    if scheme not in _DEFAULT_PORTS or not mark or not _HOST.fullmatch(host) or not is_port:
        raise ValueError(f"{text[:80]!r} is not an origin such as https://app.example.com")
    keeps_port = port and int(port) != _DEFAULT_PORTS[scheme]
    return f"{scheme}://{host}:{int(port)}" if keeps_port else f"{scheme}://{host}"


class OriginList:
    """Browser origins that calls may come from; an empty list allows every origin, a damaged entry none."""

    __slots__ = ("_exact", "_is_empty", "_patterns")

    def __init__(self, texts: Iterable[str]) -> None:
        entries = tuple(texts)
        self._is_empty = not entries
        origins = [origin for origin in map(_origin_or_none, entries) if origin]
        self._exact = frozenset(origin for origin in origins if "*" not in origin)
        self._patterns = tuple(tuple(origin.split("*", 1)) for origin in origins if "*" in origin)

    def __bool__(self) -> bool:
        return not self._is_empty

    def allows(self, origin: str | None) -> bool:
        """Whether a call from this origin may pass; `null` and a missing origin are on no list."""
        if self._is_empty:
            return True
        normal = _origin_or_none(origin or "")
        if normal is None or "*" in normal:
            return False
        return normal in self._exact or any(
            normal.startswith(start)
            and normal.endswith(end)
            and len(normal) > len(start) + len(end)
            for start, end in self._patterns
        )


def _origin_or_none(text: str) -> str | None:
    try:
        return normalize_origin(text)
    except ValueError:
        return None


def period_of(
    period: QuotaPeriod, at: datetime, anchor: datetime | None = None
) -> tuple[datetime, datetime]:
    """Return when the period around `at` began and when it ends, in UTC.

    Billing periods are months counted from the anchor; a day the month does not have becomes its last one, without
    drifting: 31 January, 28 February, 31 March. Without an anchor they are calendar months.
    """
    moment = at.astimezone(UTC)
    if period is QuotaPeriod.BILLING and anchor is not None:
        return _billing_period(moment, anchor.astimezone(UTC))
    start = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if period is QuotaPeriod.DAY:
        return start, start + timedelta(days=1)
    if period is QuotaPeriod.WEEK:
        start -= timedelta(days=start.weekday())
        return start, start + timedelta(days=7)
    start = start.replace(day=1)
    return start, add_months(start, 1)


def _billing_period(at: datetime, anchor: datetime) -> tuple[datetime, datetime]:
    months = (at.year - anchor.year) * 12 + at.month - anchor.month
    if add_months(anchor, months) > at:
        months -= 1
    return add_months(anchor, months), add_months(anchor, months + 1)


def add_months(start: datetime, months: int) -> datetime:
    """Return the same moment some months later, or on the last day of a month that is too short."""
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    day = min(start.day, monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day)


def refill_period(refill: Refill, at: datetime) -> tuple[datetime, datetime] | None:
    """Return the period in which a key's credits are used up; None when they are never filled up again."""
    if refill is Refill.NONE:
        return None
    return period_of(QuotaPeriod.DAY if refill is Refill.DAILY else QuotaPeriod.MONTH, at)
