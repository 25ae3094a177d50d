"""Let in who lost their second factor: `manage.py reset_two_factor ada@example.com --reason "lost telephone, called back"`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import selectors, services
from config.common.commands import DomainCommand


class Command(DomainCommand):
    """Takes the authenticator app, the recovery codes and the passkeys of a person; every session ends."""

    help = "Take every second factor from a person who lost theirs: make sure first who asks."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address and the reason."""
        parser.add_argument("email", help="or the id of the account")
        parser.add_argument("--reason", required=True)

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Take the factors."""
        user = selectors.person_called(options["email"])
        if not services.two_factor.reset(user=user, reason=options["reason"]):
            raise CommandError(f"{user.email} has no second factor.")
        self.stdout.write(
            f"{user.email} signs in with the password alone until a new one is set up."
        )
