"""Every event becomes an entry, in the transaction of the change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.dispatch import receiver

from accounts.services import personal_data
from audit import selectors
from audit.services import entries, security
from config.common.events import DomainEvent, published

personal_data.contribute(
    "activity",
    "What you did here, and what was done to your account.",
    selectors.personal_data_of,
)
personal_data.contribute(
    "security_events",
    "What concerned the security of your account.",
    selectors.personal_security_data_of,
)


@receiver(published)
def write_entry(
    event: DomainEvent,
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    **_: Any,
) -> None:
    """Append the event; without its entry the change does not happen.

    Of what comes over and over, only the first one in a minute is an entry: the others raise a count.
    """
    if event.is_counted and not security.count(event, at=at):
        return
    entries.record(event, at=at, before=before, after=after)
    if event.security_name and not event.is_counted:
        security.record_security(event, at=at)
