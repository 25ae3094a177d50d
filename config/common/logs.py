"""Processors of the structured log: the request's id and actor are added, whatever looks like a secret is removed."""

import re
from collections.abc import MutableMapping
from typing import Any

from config.common import context

EventDict = MutableMapping[str, Any]

# Secrets by their shape (our own keys, webhook secrets, JWTs, the token that ends a mailed link) and values by the
# name they go under.
_SHAPES = re.compile(
    r"\b[a-z0-9]{2,12}_(?:live|test)_[0-9A-Za-z]{38}\b"
    r"|\b[a-z0-9]{2,12}[sc]_[0-9A-Za-z]{38}\b"
    r"|\bwhsec_[0-9A-Za-z+/=]{16,}"
    r"|\beyJ[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+"
    r"|(?<=/)[0-9A-Za-z_-]{43}(?![0-9A-Za-z_-])"
)
_NAMES = re.compile(
    r"password|secret|token|authorization|cookie|api_?key|credential", re.IGNORECASE
)
REDACTED = "[redacted]"


def redact(value: Any, name: str = "") -> Any:
    """Return the value with everything secret in it replaced; containers are copied."""
    if name and _NAMES.search(name) and isinstance(value, str | bytes):
        return REDACTED
    if isinstance(value, str):
        return _SHAPES.sub(REDACTED, value)
    if isinstance(value, dict):
        return {key: redact(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value


def redact_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Remove secrets from a log entry."""
    return {name: redact(value, name) for name, value in event.items()}


def add_context(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Add the request id and the actor to a log entry."""
    now = context.current()
    if now.request_id:
        event.setdefault("request_id", now.request_id)
    if now.actor.type != "anonymous":
        event.setdefault("actor", f"{now.actor.type}:{now.actor.id or now.actor.label}")
    return event
