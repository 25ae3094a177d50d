"""Closes an organization for good."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from config.common import context
from config.common.errors import DomainError
from organizations import access, selectors
from organizations.services import closing


class Command(BaseCommand):
    """`manage.py close_organization ORGANIZATION --name NAME --reason TEXT`"""

    help = "Close an organization for good: its keys end, nobody comes in any more, its members are told."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization, its name as a confirmation, and the reason."""
        parser.add_argument("organization", help="id or slug")
        parser.add_argument("--name", required=True, help="its name, as a confirmation")
        parser.add_argument("--reason", required=True, help="why; kept in the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Close it."""
        with context.command("close_organization"):
            try:
                organization = selectors.organization_called(options["organization"])
                closing.close(
                    tenant=access.on_behalf_of(organization),
                    confirmation=options["name"],
                    reason=options["reason"],
                    at=timezone.now(),
                )
            except DomainError as error:
                raise CommandError(error.detail) from None
        self.stdout.write(f"{organization} is closed.")
