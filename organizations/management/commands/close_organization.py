"""Close an organization for good: `manage.py close_organization acme --name "Acme Inc." --reason "asked by letter"`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from config.common.commands import DomainCommand
from organizations import access, selectors
from organizations.services import closing


class Command(DomainCommand):
    """It cannot be undone, so the name is asked for as well."""

    help = "Close an organization for good: its keys end, nobody comes in any more, its members are told."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization, its name as a confirmation, and the reason."""
        parser.add_argument("organization", help="id or slug")
        parser.add_argument("--name", required=True, help="its name, as a confirmation")
        parser.add_argument("--reason", required=True, help="why; kept in the audit log")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Close it."""
        organization = selectors.organization_called(options["organization"])
        closing.close(
            tenant=access.on_behalf_of(organization),
            confirmation=options["name"],
            reason=options["reason"],
            at=at,
        )
        self.stdout.write(f"{organization} is closed.")
