"""Let a suspended account in again: `manage.py reinstate_user eve@example.com`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from accounts import selectors, services
from config.common.commands import DomainCommand


class Command(DomainCommand):
    """Lifts a suspension; sessions that ended with it stay ended."""

    help = "Let a suspended account in again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address."""
        parser.add_argument("email", help="or the id of the account")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Lift the suspension."""
        user = selectors.person_called(options["email"])
        services.suspension.reinstate(user=user)
        self.stdout.write(f"{user.email} may sign in again.")
