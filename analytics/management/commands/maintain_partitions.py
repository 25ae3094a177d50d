"""Make the log's partitions ahead of time and drop those past their retention, as the hourly job does."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from analytics.services import partitions
from config.common.commands import DomainCommand

# Each is a table of its own; more would make all that reads the log slower.
_MOST_DAYS = 400


class Command(DomainCommand):
    """Looks after the partitions of the log of calls."""

    help = (
        "Make the partitions of the coming days and drop those that are older than the retention."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare how far ahead."""
        parser.add_argument("--days", type=int, default=partitions.DAYS_AHEAD, help="days ahead")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Make and drop."""
        days: int = options["days"]
        if not 0 <= days <= _MOST_DAYS:
            raise CommandError(f"--days is from 0 to {_MOST_DAYS}.")
        made = partitions.create_ahead(today=at.date(), days=days)
        dropped = partitions.drop_older_than(first_kept=partitions.first_kept(today=at.date()))
        self.stdout.write(f"{len(made)} partitions made, {len(dropped)} dropped")
