"""Let a suspended organization's calls pass again: `manage.py reinstate_organization acme`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from config.common.commands import DomainCommand
from organizations import selectors
from organizations.services import suspension


class Command(DomainCommand):
    """Its keys are the same as before."""

    help = "Let a suspended organization's calls pass again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization."""
        parser.add_argument("organization", help="id or slug")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Reinstate it."""
        organization = selectors.organization_called(options["organization"])
        suspension.reinstate(organization=organization)
        self.stdout.write(f"{organization} is active.")
