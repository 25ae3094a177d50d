"""Lets a suspended organization's calls pass again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.common import context
from config.common.errors import DomainError
from organizations import selectors
from organizations.services import suspension


class Command(BaseCommand):
    """`manage.py reinstate_organization ORGANIZATION`"""

    help = "Let a suspended organization's calls pass again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization."""
        parser.add_argument("organization", help="id or slug")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reinstate it."""
        with context.command("reinstate_organization"):
            try:
                organization = selectors.organization_called(options["organization"])
                suspension.reinstate(organization=organization)
            except DomainError as error:
                raise CommandError(error.detail) from None
        self.stdout.write(f"{organization} is active.")
