"""Stops an organization's calls."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.common import context
from config.common.errors import DomainError
from organizations import selectors
from organizations.services import suspension


class Command(BaseCommand):
    """`manage.py suspend_organization ORGANIZATION --reason TEXT`"""

    help = "Stop an organization's calls; its keys are refused within two seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization and the reason."""
        parser.add_argument("organization", help="id or slug")
        parser.add_argument("--reason", required=True, help="why; kept in the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Suspend it."""
        with context.command("suspend_organization"):
            try:
                organization = selectors.organization_called(options["organization"])
                suspension.suspend(organization=organization, reason=options["reason"])
            except DomainError as error:
                raise CommandError(error.detail) from None
        self.stdout.write(f"{organization} is suspended.")
