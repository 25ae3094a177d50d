"""System checks of a deployment (`manage.py check --deploy`): what the settings alone cannot refuse at the start."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Info, Tags, register

from config.common import keyring

# A random secret of 32 characters shows more than this many different ones, except once in a million.
_LEAST_VARIETY = 10
_LOCAL = {"", "localhost", "127.0.0.1", "::1"}
_WITH_TLS = {"require", "verify-ca", "verify-full"}


@register(Tags.security, deploy=True)
def secrets(**_: Any) -> list[CheckMessage]:
    """Look for secrets that somebody typed, and for one that serves two purposes."""
    found: list[CheckMessage] = []
    seen: dict[str, str] = {}
    for name, value in _secrets():
        if len(set(value)) < _LEAST_VARIETY:
            hint = "Let a random generator make it."
            found.append(Error(f"{name} can be guessed.", hint=hint, id="tollgate.E001"))
        if seen.setdefault(value, name) != name:
            hint = "Give each setting a secret of its own."
            text = f"{name} has the value of {seen[value]}."
            found.append(Error(text, hint=hint, id="tollgate.E002"))
    return found


@register(Tags.security, deploy=True)
def networks(**_: Any) -> list[CheckMessage]:
    """Look whether strangers are believed, or may come to the back office."""
    found: list[CheckMessage] = []
    for name in ("TRUSTED_PROXIES", "GATEWAY_TRUSTED_PROXIES"):
        if any(ip_network(text).prefixlen == 0 for text in getattr(settings, name)):
            text = f"{name} holds every address: whoever connects can claim any other."
            hint = "List the addresses of your proxies."
            found.append(Error(text, hint=hint, id="tollgate.E003"))
    if not settings.OPERATOR_ALLOWLIST:
        text = "The back office and the metrics can be asked from every address."
        hint = "Set OPERATOR_ALLOWLIST to the networks of your operators and your monitoring."
        found.append(Info(text, hint=hint, id="tollgate.I001"))
    return found


@register(Tags.security, deploy=True)
def transports(**_: Any) -> list[CheckMessage]:
    """Look for connections over which secrets would travel in the clear."""
    found: list[CheckMessage] = []
    database = urlsplit(settings.DATABASE_URL)
    options = dict(parse_qsl(database.query))
    host = unquote(database.hostname or "") or options.get("host", "")
    is_local = host in _LOCAL or host.startswith("/")
    if not is_local and options.get("sslmode") not in _WITH_TLS:
        text = "The connection to PostgreSQL need not be encrypted."
        hint = "Add ?sslmode=verify-full (or require) to DATABASE_URL."
        found.append(checks.Warning(text, hint=hint, id="tollgate.W001"))
    server = urlsplit(settings.REDIS_URL)
    if server.scheme == "redis" and (server.hostname or "") not in _LOCAL and not server.password:
        text = "Whoever reaches the Redis server can use it."
        hint = "Give it a password and put it into REDIS_URL; use rediss: over other networks."
        found.append(checks.Warning(text, hint=hint, id="tollgate.W002"))
    if any(origin.startswith("http:") for origin in settings.CORS_ALLOWED_ORIGINS):
        text = "CORS_ALLOWED_ORIGINS trusts pages that anyone on their way can change."
        hint = "List https origins only."
        found.append(checks.Warning(text, hint=hint, id="tollgate.W003"))
    return found


@register(Tags.security, deploy=True)
def payments(**_: Any) -> list[CheckMessage]:
    """Look whether one payment provider moves real money while the other one plays."""
    if not settings.STRIPE_SECRET_KEY or not settings.PAYPAL_CLIENT_ID:
        return []
    if settings.STRIPE_LIVE_MODE == settings.PAYPAL_LIVE_MODE:
        return []
    live, test = ("Stripe", "PayPal") if settings.STRIPE_LIVE_MODE else ("PayPal", "Stripe")
    text = f"{live} takes real money, {test} does not: customers who choose {test} pay nothing."
    hint = "Use live keys for both, and PAYPAL_API_BASE=https://api-m.paypal.com, or test keys for both."
    return [checks.Warning(text, hint=hint, id="tollgate.W004")]


def _secrets() -> Iterator[tuple[str, str]]:
    yield "SECRET_KEY", settings.SECRET_KEY
    for name in keyring.SETTINGS:
        yield from ((name, value) for value in keyring.by_id(getattr(settings, name)).values())
