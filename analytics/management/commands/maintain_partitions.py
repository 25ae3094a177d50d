"""Make the log's partitions ahead of time and drop those past their retention, as the hourly job does."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from analytics.services import partitions
from config.common import context

# Each is a table of its own; more would make all that reads the log slower.
_MOST_DAYS = 400


class Command(BaseCommand):
    """Looks after the partitions of the log of calls."""

    help = (
        "Make the partitions of the coming days and drop those that are older than the retention."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare how far ahead."""
        parser.add_argument("--days", type=int, default=partitions.DAYS_AHEAD, help="days ahead")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make and drop."""
        days: int = options["days"]
        if not 0 <= days <= _MOST_DAYS:
            raise CommandError(f"--days is from 0 to {_MOST_DAYS}.")
        today = timezone.now().date()
        with context.command("maintain_partitions"):
            made = partitions.create_ahead(today=today, days=days)
            dropped = partitions.drop_older_than(first_kept=partitions.first_kept(today=today))
        self.stdout.write(f"{len(made)} partitions made, {len(dropped)} dropped")
