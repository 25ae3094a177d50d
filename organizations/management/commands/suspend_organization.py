"""Stop an organization's calls: `manage.py suspend_organization acme --reason "unpaid"`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from config.common.commands import DomainCommand
from organizations import selectors
from organizations.services import suspension


class Command(DomainCommand):
    """Its members still reach its pages; only its keys are refused."""

    help = "Stop an organization's calls; its keys are refused within two seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization and the reason."""
        parser.add_argument("organization", help="id or slug")
        parser.add_argument("--reason", required=True, help="why; kept in the audit log")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Suspend it."""
        organization = selectors.organization_called(options["organization"])
        suspension.suspend(organization=organization, reason=options["reason"])
        self.stdout.write(f"{organization} is suspended.")
