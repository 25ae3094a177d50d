"""Makes a member the owner of an organization, for support."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.selectors import person_called
from config.common import context
from config.common.errors import DomainError
from organizations import access, selectors
from organizations.models import Role
from organizations.services import members


class Command(BaseCommand):
    """`manage.py transfer_organization ORGANIZATION EMAIL`"""

    help = "Make a member an owner, for instance when the only owner cannot be reached. Other owners stay."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization and its new owner."""
        parser.add_argument("organization", help="id or slug")
        parser.add_argument("email", help="address of a member, or the id of their account")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the member an owner."""
        with context.command("transfer_organization"):
            try:
                user = person_called(options["email"])
                organization = selectors.organization_called(options["organization"])
                members.change_role(
                    tenant=access.on_behalf_of(organization), user_id=user.pk, role=Role.OWNER
                )
            except DomainError as error:
                raise CommandError(error.detail) from None
        self.stdout.write(f"{user} owns {organization}.")
