"""Make a member the owner of an organization: `manage.py transfer_organization acme mia@example.com`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from accounts.selectors import person_called
from config.common.commands import DomainCommand
from organizations import access, selectors
from organizations.models import Role
from organizations.services import members


class Command(DomainCommand):
    """For support, when the only owner cannot be reached."""

    help = "Make a member an owner, for instance when the only owner cannot be reached. Other owners stay."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization and its new owner."""
        parser.add_argument("organization", help="id or slug")
        parser.add_argument("email", help="address of a member, or the id of their account")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Make the member an owner."""
        user = person_called(options["email"])
        organization = selectors.organization_called(options["organization"])
        members.change_role(
            tenant=access.on_behalf_of(organization), user_id=user.pk, role=Role.OWNER
        )
        self.stdout.write(f"{user} owns {organization}.")
