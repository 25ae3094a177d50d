"""Make a person a member of an organization: `manage.py add_member acme mia@example.com --role ADMIN`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from accounts.selectors import person_called
from config.common.commands import DomainCommand
from organizations import selectors
from organizations.models import Role
from organizations.services import members


class Command(DomainCommand):
    """For people who have an account; others are invited."""

    help = "Make a person who has an account a member of an organization."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization, the person and the role."""
        parser.add_argument("organization", help="id or slug")
        parser.add_argument("email", help="address of the person's account, or its id")
        parser.add_argument("--role", choices=Role.values, default=Role.MEMBER.value)

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Add the member."""
        user = person_called(options["email"])
        organization = selectors.organization_called(options["organization"])
        members.add_member(organization=organization, user=user, role=options["role"])
        self.stdout.write(f"{user} is a member of {organization} as {options['role']}.")
