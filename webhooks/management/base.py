"""How the webhook commands read times."""

import re
from datetime import datetime, timedelta

from django.core.management.base import CommandError
from django.utils.dateparse import parse_datetime

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str, at: datetime) -> datetime:
    """Read a time such as 2026-03-01T12:00Z, or how long ago it was, such as 90m, 6h or 2d."""
    span = _SPAN.fullmatch(text)
    try:
        found = _ago(at, span) if span else parse_datetime(text)
    except (ValueError, OverflowError):
        found = None
    if found is None or found.tzinfo is None:
        raise CommandError(
            f"{text!r} is no time. Write 2026-03-01T12:00Z, or how long ago: 90m, 6h, 2d."
        )
    return found


def _ago(at: datetime, span: re.Match[str]) -> datetime:
    return at - timedelta(**{_UNITS[span[2]]: int(span[1])})
