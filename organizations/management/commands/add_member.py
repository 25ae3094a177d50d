"""Makes a person a member of an organization."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.selectors import person_called
from config.common import context
from config.common.errors import DomainError
from organizations import selectors
from organizations.models import Role
from organizations.services import members


class Command(BaseCommand):
    """`manage.py add_member ORGANIZATION EMAIL [--role ROLE]`"""

    help = "Make a person who has an account a member of an organization."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization, the person and the role."""
        parser.add_argument("organization", help="id or slug")
        parser.add_argument("email", help="address of the person's account, or its id")
        parser.add_argument("--role", choices=Role.values, default=Role.MEMBER.value)

    def handle(self, *args: Any, **options: Any) -> None:
        """Add the member."""
        with context.command("add_member"):
            try:
                user = person_called(options["email"])
                organization = selectors.organization_called(options["organization"])
                members.add_member(organization=organization, user=user, role=options["role"])
            except DomainError as error:
                raise CommandError(error.detail) from None
        self.stdout.write(f"{user} is a member of {organization} as {options['role']}.")
