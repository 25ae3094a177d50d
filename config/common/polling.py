"""How often a page that shows something under way asks the server how it stands."""

from datetime import datetime, timedelta

QUICK_SECONDS = 2
SLOW_SECONDS = 60
_NEAR = timedelta(minutes=1)


def interval(*moments: datetime | None, at: datetime) -> int:
    """Return the seconds until a page asks again: few while it is within a minute of what happened or is due."""
    near = any(moment is not None and abs(at - moment) <= _NEAR for moment in moments)
    return QUICK_SECONDS if near else SLOW_SECONDS
