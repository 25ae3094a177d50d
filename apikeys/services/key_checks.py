"""What the settings of a key must be, whichever interface they come through. All faults are reported at once."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypedDict, TypeVar, cast

import orjson

from apikeys.gateway.limits import BURST_SECONDS
from apikeys.restrictions import (
    EnvironmentName,
    QuotaPeriod,
    Refill,
    normalize_origin,
    normalize_scope,
)
from billing.selectors import Allowance
from config.common import names, timestamps
from config.common.addresses import parse_network
from config.common.errors import Faults, InvalidInput

MAX_METADATA_BYTES = 10_240
MAX_ITEMS = 100
MAX_SCOPE_LENGTH = 100
MAX_ORIGIN_LENGTH = 253
MAX_RATE = 1_000_000
MAX_PER_SECONDS = 86_400
MAX_UNITS = 10**15  # Redis counts in doubles: whole numbers are exact up to 2^53.


class KeyChanges(TypedDict, total=False):
    """What a key can be told. A rate, a quota and credits are given whole, or as None to take them away."""

    name: str
    description: str
    enabled: bool
    scopes: list[str]
    ip_allowlist: list[str]
    allowed_origins: list[str]
    rate_limit: int | None
    rate_per_seconds: int | None
    rate_burst: int | None
    quota_limit: int | None
    quota_period: str
    credits_micro: int | None
    credits_refill: str
    metadata: dict[str, Any]
    external_id: str
    expires_at: datetime | None


class KeySettings(KeyChanges, total=False):
    """What a new key is told: the same, and the environment, which is part of its secret and never changes."""

    environment: str


ChangesT = TypeVar("ChangesT", bound=KeyChanges)


def checked(settings: ChangesT, *, allowance: Allowance, at: datetime) -> ChangesT:
    """Return the settings in their canonical form. Raises InvalidInput with every fault."""
    faults = Faults()
    clean: dict[str, Any] = dict(settings)
    for name, check in _CHECKS.items():
        if name in clean:
            clean[name] = check(clean[name], faults)
    _check_rate(clean, allowance.rate_ceiling, faults)
    _check_quota(clean, faults)
    _check_credits(clean, faults)
    check_expiry(clean.get("expires_at"), at, faults)
    if faults:
        raise InvalidInput("Some settings of the key are not valid.", errors=faults)
    return cast("ChangesT", clean)


def checked_scopes(scopes: list[str], faults: Faults) -> list[str]:
    """Return the scopes without repetitions."""
    return _normalized(scopes, _scope, "scopes", "This is not a scope.", faults)


def _scope(text: str) -> str:
    scope = normalize_scope(text)
    if len(scope) > MAX_SCOPE_LENGTH:
        raise ValueError("The scope is too long.")
    return scope


def checked_networks(texts: list[str], faults: Faults) -> list[str]:
    """Return addresses and networks in their canonical form, without repetitions."""
    message = "This is not an address or network."
    return _normalized(
        texts, lambda text: str(parse_network(text)), "ip_allowlist", message, faults
    )


def checked_name(name: str, faults: Faults) -> str:
    """Return the name without the space around it."""
    clean = name.strip()
    if not clean or len(clean) > 80:
        faults.note("#/name", "name", "A key needs a name of at most 80 characters.")
    elif message := names.fault_of(clean):
        faults.note("#/name", "name", message)
    return clean


def _check_environment(environment: str, faults: Faults) -> str:
    if environment not in set(EnvironmentName):
        faults.note(
            "#/environment",
            "environment",
            "There is no such environment.",
            "Use live or test.",
        )
    return environment


def _check_origins(texts: list[str], faults: Faults) -> list[str]:
    return _normalized(texts, _origin, "allowed_origins", "This is not an origin.", faults)


def _origin(text: str) -> str:
    origin = normalize_origin(text)
    domain = origin.removeprefix("https://*.")
    if len(origin) > MAX_ORIGIN_LENGTH:
        raise ValueError("The origin is too long.")
    if "*" in domain or (domain != origin and "." not in domain):
        raise ValueError("A wildcard stands for the first label below a domain, over https.")
    return origin


def _normalized(
    texts: list[str], normalize: Callable[[str], str], name: str, message: str, faults: Faults
) -> list[str]:
    """Return the texts in their canonical form, each once, and note those that have none."""
    clean: dict[str, None] = {}
    for index, text in enumerate(texts):
        try:
            clean[normalize(text)] = None
        except ValueError:
            faults.note(f"#/{name}/{index}", _CODES[name], message, _FIXES[name])
    if len(texts) > MAX_ITEMS:
        faults.note(
            f"#/{name}",
            "too_many",
            f"At most {MAX_ITEMS} entries.",
            "Use wildcards or networks.",
        )
    return list(clean)


def _check_description(description: str, faults: Faults) -> str:
    if len(description) > 500:
        faults.note("#/description", "too_long", "A description has at most 500 characters.")
    return description


def _check_external_id(external_id: str, faults: Faults) -> str:
    if len(external_id) > 255:
        faults.note("#/external_id", "too_long", "An external id has at most 255 characters.")
    return external_id


def _check_metadata(metadata: dict[str, Any], faults: Faults) -> dict[str, Any]:
    if len(orjson.dumps(metadata, option=orjson.OPT_NON_STR_KEYS)) > MAX_METADATA_BYTES:
        message = f"Metadata may take at most {MAX_METADATA_BYTES:,} bytes as JSON."
        faults.note(
            "#/metadata",
            "too_large",
            message,
            "Store large data on your side and keep its id here.",
        )
    return metadata


_CHECKS: Mapping[str, Callable[[Any, Faults], Any]] = {
    "name": checked_name,
    "environment": _check_environment,
    "scopes": checked_scopes,
    "ip_allowlist": checked_networks,
    "allowed_origins": _check_origins,
    "metadata": _check_metadata,
    "description": _check_description,
    "external_id": _check_external_id,
}


def _check_rate(clean: dict[str, Any], ceiling: int | None, faults: Faults) -> None:
    if "rate_limit" not in clean:
        return
    if clean["rate_limit"] is None:
        clean.update(rate_per_seconds=None, rate_burst=None)
        return
    limit = clean["rate_limit"]
    per_seconds = clean["rate_per_seconds"] = clean.get("rate_per_seconds") or 1
    burst = clean["rate_burst"] = clean.get("rate_burst") or limit
    _within(limit, MAX_RATE, "#/rate/limit", faults)
    _within(per_seconds, MAX_PER_SECONDS, "#/rate/per_seconds", faults)
    _within(burst, MAX_RATE, "#/rate/burst", faults)
    if ceiling is not None and limit > ceiling * per_seconds:
        message = f"The plan allows at most {ceiling} calls per second for one key."
        fix = "Lower the rate, or choose a plan with a higher one."
        faults.note("#/rate/limit", "above_plan", message, fix)
    if ceiling is not None and burst > ceiling * BURST_SECONDS:
        message = f"The plan allows a burst of at most {ceiling * BURST_SECONDS} calls."
        faults.note("#/rate/burst", "above_plan", message, "Lower the burst.")


def _check_quota(clean: dict[str, Any], faults: Faults) -> None:
    if "quota_limit" not in clean:
        return
    if clean["quota_limit"] is None:
        clean["quota_period"] = ""
        return
    period = clean["quota_period"] = clean.get("quota_period") or QuotaPeriod.MONTH
    _within(clean["quota_limit"], MAX_UNITS, "#/quota/limit", faults)
    if period not in set(QuotaPeriod):
        fix = "Use day, week, month or billing."
        faults.note("#/quota/period", "period", "There is no such period.", fix)


def _check_credits(clean: dict[str, Any], faults: Faults) -> None:
    if "credits_micro" not in clean:
        return
    if clean["credits_micro"] is None:
        clean["credits_refill"] = Refill.NONE
        return
    refill = clean["credits_refill"] = clean.get("credits_refill") or Refill.NONE
    _within(clean["credits_micro"], MAX_UNITS, "#/credits/amount", faults, at_least=0)
    if refill not in set(Refill):
        fix = "Use none, daily or monthly."
        faults.note("#/credits/refill", "refill", "There is no such refill.", fix)


def check_expiry(expires_at: datetime | None, at: datetime, faults: Faults) -> None:
    """Note a fault when a key would end in the past, or at a time that is none for us."""
    if expires_at is not None and expires_at <= at:
        message = "The time at which a key ends lies in the future."
        faults.note("#/expires_at", "in_the_past", message, "To end a key now, revoke it.")
    elif expires_at is not None and expires_at >= timestamps.LATEST:
        message = f"A key ends before the year {timestamps.LATEST.year}."
        faults.note("#/expires_at", "too_late", message, "Give no time for a key that never ends.")


def _within(value: int, most: int, pointer: str, faults: Faults, *, at_least: int = 1) -> None:
    if not at_least <= value <= most:
        message = f"This is a whole number from {at_least} to {most}."
        faults.note(pointer, "out_of_range", message)


_CODES = {"scopes": "scope", "ip_allowlist": "network", "allowed_origins": "origin"}
_FIXES = {
    "scopes": "Write words joined by colons, such as orders:read, orders:* or *.",
    "ip_allowlist": "Write an address or network, such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32.",
    "allowed_origins": "Write an origin, such as https://app.example.com or https://*.example.com.",
}
