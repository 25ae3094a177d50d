"""Questions about the log: what happened, is it as it was written, what of it concerns security and whom."""

from audit.selectors.chains import Fault, chains, first_fault, length_of
from audit.selectors.kept import NotASeal, fault_against, newest_seals
from audit.selectors.log import (
    ACTORS,
    PEOPLE,
    SHOWN,
    activity_of,
    entries_where,
    is_by,
    log_of,
    personal_data_of,
    searched,
    shown,
    shown_flat,
)
from audit.selectors.security import (
    narrowed,
    people_of,
    personal_security_data_of,
    security_events_about,
    security_events_by_name,
    security_events_of,
)

__all__ = [
    "ACTORS",
    "PEOPLE",
    "SHOWN",
    "Fault",
    "NotASeal",
    "activity_of",
    "chains",
    "entries_where",
    "fault_against",
    "first_fault",
    "is_by",
    "length_of",
    "log_of",
    "narrowed",
    "newest_seals",
    "people_of",
    "personal_data_of",
    "personal_security_data_of",
    "searched",
    "security_events_about",
    "security_events_by_name",
    "security_events_of",
    "shown",
    "shown_flat",
]
