"""What the commands that create keys share."""

from datetime import datetime, timedelta

from django.core.management.base import CommandError

from config.common.commands import DomainCommand


class RevealingCommand(DomainCommand):
    """A command that shows a secret, this once."""

    def reveal(self, note: str, secret: str) -> None:
        """Print the secret alone on standard output, so that it can be caught, and the note beside it."""
        self.stderr.write(f"{note} The secret is shown this once:")
        self.stdout.write(secret)


def end_in(days: int | None, at: datetime) -> datetime | None:
    """Return the moment so many days ahead; None when no days are given."""
    try:
        return None if days is None else at + timedelta(days=days)
    except OverflowError:
        raise CommandError(f"There is no day that is {days} days ahead.") from None
