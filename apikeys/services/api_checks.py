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
    _check_statuses(api, "default_counted_statuses", faults)
    _check_rate(api, "default_rate", faults)
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
    _check_statuses(rule, "counted_statuses", faults)
    _check_path(rule.path_pattern, "path_pattern", faults, allows_wildcards=True)
    _check_scope(rule.required_scope, "required_scope", faults)
    _check_meter(rule.meter, "meter", faults)
    _check_rate(rule, "rate", faults)
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


def _check_statuses(row: Api | RouteRule, column: str, faults: Faults) -> None:
    statuses = sorted({status.strip().lower() for status in getattr(row, column)})
    setattr(row, column, statuses)
    for index, status in enumerate(statuses):
        if not _STATUS.fullmatch(status):
            fix = "Write a status such as 404, or a class such as 2xx."
            faults.note(f"#/{column}/{index}", "status", "This is not a status.", fix)


def _check_rate(row: Api | RouteRule, stem: str, faults: Faults) -> None:
    limit, per_seconds, burst = (f"{stem}_{part}" for part in ("limit", "per_seconds", "burst"))
    given: int | None = getattr(row, limit)
    if given is None:
        if getattr(row, per_seconds) or getattr(row, burst):
            faults.note(
                f"#/{limit}", "required", "A rate needs a limit.", "Or leave all three empty."
            )
        return
    setattr(row, per_seconds, getattr(row, per_seconds) or 1)
    setattr(row, burst, getattr(row, burst) or given)
    if given < 1:
        faults.note(f"#/{limit}", "out_of_range", "A rate lets at least one call pass.")


def _finish(row: Api | RouteRule, faults: Faults) -> None:
    """Add what the model itself refuses: lengths, choices, what must be unique."""
    try:
        row.full_clean()
    except ValidationError as error:
        known = {fault.pointer.split("/")[1] for fault in faults}
        for column, messages in error.message_dict.items():
            # What a constraint says of a whole row whose faults are known is no news.
            if column not in known and not (known and column == "__all__"):
                pointer = "#" if column == "__all__" else f"#/{column}"
                faults.note(pointer, "invalid", " ".join(messages))
    if faults:
        raise InvalidInput("Some of the description is not valid.", errors=faults)
