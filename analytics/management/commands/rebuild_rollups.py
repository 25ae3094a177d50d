"""Recompute the roll-ups of a period from the log."""

from datetime import date, datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from analytics.services import partitions, rebuilding
from config.common.commands import DomainCommand

# Days that are not in the log, named one by one: whoever asks for all days since a year has read enough of them by then.
_SHOWN = 31


class Command(DomainCommand):
    """Recomputes; where the roll-ups are right, nothing changes."""

    help = (
        "Recompute hourly and daily roll-ups from the log, day by day. Ingestion waits while a day is recomputed. Days"
        " whose calls the log no longer holds are left as they are."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the period."""
        yesterday = timezone.now().date() - timedelta(days=1)
        for name, default, what in (
            ("--from", yesterday, "first day (UTC), as 2026-01-31; yesterday unless given"),
            ("--to", timezone.now().date(), "last day (UTC); today unless given"),
        ):
            parser.add_argument(name, type=date.fromisoformat, default=default, help=what)

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Rebuild."""
        first, last = options["from"], options["to"]
        if first > last:
            raise CommandError("--from lies after --to.")
        missing = sorted(_days(first, last) - set(partitions.existing()))
        for day in rebuilding.rebuild(first=first, last=last):
            self.stdout.write(f"{day.day}: {day.corrected} rows corrected, {day.removed} removed")
        for left_out in missing[-_SHOWN:]:
            self.stdout.write(f"{left_out}: not in the log, left as it is")
        if len(missing) > _SHOWN:
            self.stdout.write(f"{len(missing) - _SHOWN} days before these: the same")


def _days(first: date, last: date) -> set[date]:
    return {first + timedelta(days=offset) for offset in range((last - first).days + 1)}
