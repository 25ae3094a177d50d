"""What the settings of an endpoint must be, whichever interface they come through. All faults are reported at once."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, cast

from config.common import http
from config.common.errors import Faults, Forbidden, InvalidInput, in_pointer
from organizations.roles import Permission
from webhooks import catalogue, matching
from webhooks.models import Kind, Signature, Webhook

MAX_EVENT_TYPES = 100
MAX_HEADERS = 20
MAX_HEADER_VALUE = 1_000
MAX_CONCURRENCY = 10
# They belong to the connection, to the message's framing, or to us.
_RESERVED_HEADERS = {
    "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "cookie", "date",
    "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade", "user-agent", "via",
}  # fmt: skip
_RESERVED_PREFIXES = ("webhook-", "proxy-", "sec-", "x-forwarded-")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
# Visible ASCII with spaces and tabs between: what every server reads alike.
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?|")
_FILTER_MEMBERS = {"path", "operator", "value"}


class EndpointChanges(TypedDict, total=False):
    """What an endpoint can be told. Headers are given whole: those that are left out are taken away."""

    url: str
    description: str
    event_types: list[str]
    headers: dict[str, str]
    filters: list[dict[str, Any]]
    ordering_path: str
    concurrency: int


class EndpointSettings(EndpointChanges, total=False):
    """What a new endpoint is told: the same, and its form and signature, which never change."""

    kind: str
    signature: str


def checked(settings: EndpointChanges | EndpointSettings) -> EndpointSettings:
    """Return the settings in their canonical form. Raises InvalidInput with every fault.

    The host's addresses are looked up and checked, which takes two seconds at most: call it outside of transactions.
    """
    faults = Faults()
    clean: dict[str, Any] = dict(settings)
    for name, check in _CHECKS.items():
        if name in clean:
            clean[name] = check(clean[name], faults)
    if faults:
        raise InvalidInput("Some settings of the webhook are not valid.", errors=faults)
    return cast("EndpointSettings", clean)


def require_no_wider(webhook: Webhook, changed: Mapping[str, Any]) -> None:
    """Raise Forbidden where changes would have an endpoint told of events that it is not told of now.

    Types may be left out or narrowed, filters added.
    """
    faults = Faults()
    fix = "Leave it as it is, or have somebody do this whose role permits them to change webhooks."
    for index, pattern in enumerate(changed.get("event_types", ())):
        # A pattern within another one matches it as a type does.
        if not matching.wants_type(webhook.event_types, pattern):
            message = f"The webhook is not told of {pattern} now."
            faults.note(f"#/event_types/{index}", "not_held", message, fix)
    kept = {matching.written(condition) for condition in changed.get("filters", webhook.filters)}
    if not kept.issuperset(matching.written(condition) for condition in webhook.filters):
        faults.note("#/filters", "not_held", "A present filter is missing.", fix)
    if faults:
        wanted = Permission.WEBHOOKS_WRITE.value
        detail = (
            f"This needs the permission {wanted}: on one webhook alone it widens no subscription."
        )
        raise Forbidden(detail, errors=faults, permission=wanted)


def _check_url(url: str, faults: Faults) -> str:
    clean = url.strip()
    try:
        http.require_url(clean)
    except http.AddressRefused as refused:
        faults.note("#/url", refused.code, refused.reason, refused.fix)
    return clean


def _check_event_types(patterns: list[str], faults: Faults) -> list[str]:
    clean = list(dict.fromkeys(patterns)) or [matching.ANY]
    known = catalogue.type_names()
    for index, pattern in enumerate(patterns):
        if not matching.PATTERN.fullmatch(pattern) or not any(
            matching.wants_type([pattern], name) for name in known
        ):
            message = f"No event is called {pattern[:80]!r}."
            fix = "Use a name from the list of event types, an area such as member.*, or * for all."
            faults.note(f"#/event_types/{index}", "event_type", message, fix)
    if len(clean) > MAX_EVENT_TYPES:
        faults.note("#/event_types", "too_many", f"At most {MAX_EVENT_TYPES} entries.", "Use *.")
    return clean


def _check_headers(headers: dict[str, str], faults: Faults) -> dict[str, str]:
    seen: set[str] = set()
    for name, value in headers.items():
        pointer = f"#/headers/{in_pointer(name[:100])}"
        fault = _fault_of_name(name, seen)
        if fault is not None:
            faults.note(pointer, *fault)
        if len(value) > MAX_HEADER_VALUE or not _HEADER_VALUE.fullmatch(value):
            longest = f"at most {MAX_HEADER_VALUE:,} visible ASCII characters"
            message = f"The value of {name[:100]!r} is not {longest}."
            fix = "Remove line breaks and other control characters."
            faults.note(pointer, "header_value", message, fix)
        seen.add(name.lower())
    if len(headers) > MAX_HEADERS:
        faults.note("#/headers", "too_many", f"At most {MAX_HEADERS} headers.")
    return headers


def _fault_of_name(name: str, seen: set[str]) -> tuple[str, str, str] | None:
    """Return code, message and fix of what is wrong with a header's name."""
    lower = name.lower()
    if not _HEADER_NAME.fullmatch(name):
        fix = "Use letters, digits and dashes."
        return "header_name", f"{name[:100]!r} is not a header's name.", fix
    if lower in _RESERVED_HEADERS or lower.startswith(_RESERVED_PREFIXES):
        fix = "Choose another name, such as X-Token."
        return "header_reserved", f"{name} is set by us or by the connection.", fix
    if lower in seen:
        return "header_repeated", f"{name} is given twice.", "Names differ by more than case."
    return None


def _check_filters(filters: list[dict[str, Any]], faults: Faults) -> list[dict[str, Any]]:
    for index, condition in enumerate(filters):
        pointer = f"#/filters/{index}"
        for name in sorted(set(condition) - _FILTER_MEMBERS):
            faults.note(
                f"{pointer}/{name}",
                "unknown_member",
                "A filter has path, operator and value.",
                "",
            )
        path, operator = condition.get("path"), condition.get("operator")
        if not isinstance(path, str) or not matching.PATH.fullmatch(path):
            faults.note(
                f"{pointer}/path",
                "path",
                "This is not a path into the payload.",
                "Write one such as data.plan.",
            )
        if not isinstance(operator, str) or operator not in matching.OPERATORS:
            fix = f"Use one of {', '.join(matching.OPERATORS)}."
            faults.note(f"{pointer}/operator", "operator", "There is no such operator.", fix)
        elif not _fits(operator, condition.get("value")):
            faults.note(
                f"{pointer}/value",
                "value",
                f"This is not a value for {operator}.",
                "in takes a list, the others a text, a number or a truth.",
            )
    if len(filters) > matching.MAX_FILTERS:
        faults.note("#/filters", "too_many", f"At most {matching.MAX_FILTERS} filters.")
    return filters


def _fits(operator: str, value: Any) -> bool:
    if operator == "exists":
        return value is None or isinstance(value, bool)
    if operator == "in":
        return isinstance(value, list) and 0 < len(value) <= 100 and all(map(_is_scalar, value))
    if operator in {"above", "at_least", "below", "at_most"}:
        return _is_scalar(value) and value is not None and not isinstance(value, bool)
    return _is_scalar(value)


def _is_scalar(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, str) and len(value) <= 500)
        or isinstance(value, int | float)
    )


def _check_ordering_path(path: str, faults: Faults) -> str:
    if path and not matching.PATH.fullmatch(path):
        faults.note(
            "#/ordering_path",
            "path",
            "This is not a path into the payload.",
            "Write one such as data.subscription_id, or leave it empty.",
        )
    return path


def _check_description(description: str, faults: Faults) -> str:
    if len(description) > 500:
        faults.note("#/description", "too_long", "A description has at most 500 characters.")
    return description.strip()


def _check_concurrency(concurrency: int, faults: Faults) -> int:
    if not 1 <= concurrency <= MAX_CONCURRENCY:
        message = f"This is a whole number from 1 to {MAX_CONCURRENCY}."
        faults.note("#/concurrency", "out_of_range", message)
    return concurrency


def _check_kind(kind: str, faults: Faults) -> str:
    if kind not in Kind.values:
        faults.note(
            "#/kind",
            "kind",
            "There is no such kind.",
            f"Use one of {', '.join(Kind.values)}.",
        )
    return kind


def _check_signature(signature: str, faults: Faults) -> str:
    if signature not in Signature.values:
        faults.note(
            "#/signature",
            "signature",
            "There is no such signature.",
            f"Use one of {', '.join(Signature.values)}.",
        )
    return signature


_CHECKS: Mapping[str, Callable[[Any, Faults], Any]] = {
    "url": _check_url,
    "kind": _check_kind,
    "signature": _check_signature,
    "description": _check_description,
    "event_types": _check_event_types,
    "headers": _check_headers,
    "filters": _check_filters,
    "ordering_path": _check_ordering_path,
    "concurrency": _check_concurrency,
}
