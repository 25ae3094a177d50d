"""What an API and a route rule must be, whichever interface describes them. Faults are reported by column."""

import re

from django.core.exceptions import ValidationError

from apikeys.gateway.routes import parse_pattern
from apikeys.models import Api, RouteRule
from apikeys.restrictions import ScopeSyntaxError, parse_expression
from config.common.errors import Faults, InvalidInput

_METHOD = re.compile(r"[A-Z][A-Z-]{0,9}")
_METER = re.compile(r"[a-z][a-z0-9_.-]{0,59}")
_STATUS = re.compile(r"[1-5](?:xx|[0-9]{2})")
# Letters, digits and dashes in labels; the port is not part of what a proxy tells us to compare.
_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
)


def checked_api(api: Api) -> None:
    """Bring an API into its canonical form. Raises InvalidInput with every fault."""
    _finish(api, api_faults(api))


def checked_rule(rule: RouteRule) -> None:
    """Bring a route rule into its canonical form. Raises InvalidInput with every fault."""
    _finish(rule, rule_faults(rule))


def api_faults(api: Api) -> Faults:
    """Bring an API into its canonical form and return what the model itself cannot see to be wrong."""
    faults = Faults()
    api.hosts = list(dict.fromkeys(host.strip().lower().removesuffix(".") for host in api.hosts))
    for index, host in enumerate(api.hosts):
        if not _HOST.fullmatch(host):
            faults.note(
                f"#/hosts/{index}",
                "host",
                "This is not a host name.",
                "Leave out scheme and port.",
            )
    api.base_path = "/" + "/".join(part for part in api.base_path.split("/") if part)
    _check_path(api.base_path, "base_path", faults, allows_wildcards=False)
    _check_scope(api.default_scope, "default_scope", faults)
    _check_meter(api.default_meter, "default_meter", faults)
    return faults


def rule_faults(rule: RouteRule) -> Faults:
    """Bring a route rule into its canonical form and return what the model itself cannot see to be wrong."""
    faults = Faults()
    rule.methods = sorted({method.strip().upper() for method in rule.methods})
    for index, method in enumerate(rule.methods):
        if not _METHOD.fullmatch(method):
            faults.note(
                f"#/methods/{index}",
                "method",
                "This is not a method.",
                "Write GET, POST and so on.",
            )
    rule.counted_statuses = sorted({status.strip().lower() for status in rule.counted_statuses})
    for index, status in enumerate(rule.counted_statuses):
        if not _STATUS.fullmatch(status):
            fix = "Write a status such as 404, or a class such as 2xx."
            faults.note(f"#/counted_statuses/{index}", "status", "This is not a status.", fix)
    _check_path(rule.path_pattern, "path_pattern", faults, allows_wildcards=True)
    _check_scope(rule.required_scope, "required_scope", faults)
    _check_meter(rule.meter, "meter", faults)
    _check_rate(rule, faults)
    return faults


def _check_path(path: str, column: str, faults: Faults, *, allows_wildcards: bool) -> None:
    fix = (
        "Write a path such as /orders/{id} or /files/*."
        if allows_wildcards
        else "Write a path such as /v1."
    )
    try:
        parts = parse_pattern(path)
    except ValueError as error:
        faults.note(f"#/{column}", "path", str(error), fix)
        return
    if not allows_wildcards and any(part == "*" or part.startswith("{") for part in parts):
        faults.note(f"#/{column}", "path", "A base path has no wildcards.", fix)


def _check_scope(text: str, column: str, faults: Faults) -> None:
    try:
        if text.strip():
            parse_expression(text)
    except ScopeSyntaxError as error:
        fix = "Write scopes joined by AND, OR and parentheses."
        faults.note(f"#/{column}", "scope", f"{error}.", fix)


def _check_meter(text: str, column: str, faults: Faults) -> None:
    if not _METER.fullmatch(text):
        fix = "Write small letters, digits, dots, dashes and underscores."
        faults.note(f"#/{column}", "meter", "This is not the name of a meter.", fix)


def _check_rate(rule: RouteRule, faults: Faults) -> None:
    if rule.rate_limit is None:
        if rule.rate_per_seconds or rule.rate_burst:
            faults.note(
                "#/rate_limit",
                "required",
                "A rate needs a limit.",
                "Or leave all three empty.",
            )
        return
    rule.rate_per_seconds = rule.rate_per_seconds or 1
    rule.rate_burst = rule.rate_burst or rule.rate_limit
    if rule.rate_limit < 1:
        faults.note("#/rate_limit", "out_of_range", "A rate lets at least one call pass.")


def _finish(row: Api | RouteRule, faults: Faults) -> None:
    """Add what the model itself refuses: lengths, choices, what must be unique."""
    try:
        row.full_clean()
    except ValidationError as error:
        known = {fault.pointer.split("/")[1] for fault in faults}
        for column, messages in error.message_dict.items():
            if column not in known:
                pointer = "#" if column == "__all__" else f"#/{column}"
                faults.note(pointer, "invalid", " ".join(messages))
    if faults:
        raise InvalidInput("Some of the description is not valid.", errors=faults)
