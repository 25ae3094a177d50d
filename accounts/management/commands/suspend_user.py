"""Stop an account: `manage.py suspend_user eve@example.com --reason "stolen card"`."""

from argparse import ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandParser

from accounts import selectors, services
from config.common.commands import DomainCommand


class Command(DomainCommand):
    """Ends the person's sessions at once and stops their keys within two seconds."""

    help = "Stop an account: its sessions end and its keys stop."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address and the reason."""
        parser.add_argument("email", help="or the id of the account")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--days", type=_days, help="lift it by itself after so many days")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Stop the account."""
        user = selectors.person_called(options["email"])
        until = at + timedelta(days=options["days"]) if options["days"] else None
        services.suspension.suspend(user=user, reason=options["reason"], until=until, at=at)
        self.stdout.write(f"{user.email} is suspended.")


def _days(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 3650:
        return int(text)
    raise ArgumentTypeError("a whole number from 1 to 3650")
