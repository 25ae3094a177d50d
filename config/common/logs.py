"""Processors of the structured log: the request's id and actor are added, whatever is or looks like a secret is removed.

Three nets, because no single one holds: secrets by their shape, values by the name they go under, and the very values
that this request brought or this installation is configured with, wherever they turn up, exception texts included.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator, MutableMapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings

from config.common import context, keyring

EventDict = MutableMapping[str, Any]

REDACTED = "[redacted]"
# Our own keys, webhook secrets, JWTs, the tokens of mailed links and cookies, recovery codes, seeds of authenticator
# apps in base32, the password in a URL; and what PostgreSQL tells of a row that it refused.
_SHAPES = re.compile(
    r"\b[a-z0-9]{2,12}_(?:live|test)_[0-9A-Za-z]{38}\b"
    r"|\b[a-z0-9]{2,12}[sc]_[0-9A-Za-z]{38}\b"
    r"|\bwhsec_[0-9A-Za-z+/=]{16,}"
    r"|\beyJ[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+"
    r"|(?<=/)[0-9A-Za-z_-]{43}(?![0-9A-Za-z_-])"
    r"|(?<![0-9A-Za-z_-])(?=[a-z_-]*[0-9A-Z])[0-9A-Za-z_-]{43}(?![0-9A-Za-z_-])"
    r"|\b(?:[0-9a-hjkmnp-tv-z]{5}-){4}[0-9a-hjkmnp-tv-z]{5}\b"
    r"|\b[A-Z2-7]{32}\b"
    r"|(?<=://)[^\s/:@]*:[^\s/@]+(?=@)"
    r"|(?<=DETAIL:  )[^\n]+"
)
_NAMES = re.compile(
    r"passw|passphrase|secret|token|authorization|cookie|credential|(?:api|access|private|signing)[_-]?key",
    re.IGNORECASE,
)
# Members of a body that are secrets, or are as good as one for a few seconds.
_INPUT_NAMES = re.compile(
    r"pass|secret|token|code|key|refresh|access|credential|otp", re.IGNORECASE
)
# Shorter values would be found by chance in words that are no secrets.
_LEAST_LENGTH = 6

_withheld: ContextVar[set[str] | None] = ContextVar("tollgate_withheld", default=None)


@contextlib.contextmanager
def withholding() -> Iterator[None]:
    """Begin a unit of work whose own secrets are kept out of every log entry and error report."""
    mark = _withheld.set(set())
    try:
        yield
    finally:
        _withheld.reset(mark)


def withhold(*values: str) -> None:
    """Keep these values out of the log for the rest of this unit of work."""
    known = _withheld.get()
    if known is not None:
        known.update(value for value in values if len(value) >= _LEAST_LENGTH)


def withhold_from(document: Any, name: str = "") -> None:
    """Withhold what a body holds under the name of a secret."""
    if isinstance(document, dict):
        for key, value in document.items():
            withhold_from(value, str(key))
    elif isinstance(document, list | tuple):
        for value in document:
            withhold_from(value, name)
    elif isinstance(document, str) and _INPUT_NAMES.search(name):
        withhold(document)


def redact(value: Any, name: str = "") -> Any:
    """Return the value with everything secret in it replaced; containers are copied."""
    if name and _NAMES.search(name) and isinstance(value, str | bytes):
        return REDACTED
    if isinstance(value, str):
        return _redacted(value)
    if isinstance(value, dict):
        # What is called a secret hides everything in it, whatever that is called.
        is_secret = bool(name and _NAMES.search(name))
        return {key: redact(item, name if is_secret else str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item, name) for item in value]
    return value


def redact_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Remove secrets from a log entry.

    Objects are written out first, because what they show of themselves may hold one; Django's request would show its
    whole query string.
    """
    return {
        name: value if name.startswith("_") else redact(_plain(value), name)
        for name, value in event.items()
        if name != "request"
    }


def add_context(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Add the request id and the actor to a log entry."""
    now = context.current()
    if now.request_id:
        event.setdefault("request_id", now.request_id)
    if now.trace_id:
        event.setdefault("trace_id", now.trace_id)
    if now.actor.type != "anonymous":
        event.setdefault("actor", f"{now.actor.type}:{now.actor.id or now.actor.label}")
    return event


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | dict | list | tuple):
        return value
    return repr(value)


def _redacted(text: str) -> str:
    for secret in _withheld.get() or ():
        text = text.replace(secret, REDACTED)
    if settings.configured:
        for secret in _configured():
            text = text.replace(secret, REDACTED)
    return _SHAPES.sub(REDACTED, text)


@lru_cache(maxsize=1)
def _configured() -> tuple[str, ...]:
    """Return the secrets that this installation is configured with."""
    values = {settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS}
    for name in keyring.SETTINGS:
        values.update(keyring.by_id(getattr(settings, name)).values())
    values.update(
        str(getattr(settings, name))
        for name in (
            "EMAIL_HOST_PASSWORD",
            "STRIPE_SECRET_KEY",
            "STRIPE_WEBHOOK_SECRET",
            "PAYPAL_CLIENT_SECRET",
        )
    )
    values.update(_passwords((settings.DATABASE_URL, settings.REDIS_URL)))
    return tuple(value for value in values if len(value) > _LEAST_LENGTH)


def _passwords(urls: Iterable[str]) -> Iterator[str]:
    for url in urls:
        written = urlsplit(url).password or ""
        yield from (written, unquote(written))
