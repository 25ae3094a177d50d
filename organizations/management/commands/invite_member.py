"""Offers somebody a place in an organization."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.utils import timezone

from config.common import context
from config.common.errors import DomainError
from organizations import access, selectors
from organizations.models import Role
from organizations.services import invitations


class Command(BaseCommand):
    """`manage.py invite_member ORGANIZATION EMAIL [--role ROLE]`"""

    help = "Mail somebody a link to an organization; they need no account yet."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization, the address and the role."""
        parser.add_argument("organization", help="id or slug")
        parser.add_argument("email", help="whom to invite")
        parser.add_argument("--role", choices=Role.values, default=Role.MEMBER.value)

    def handle(self, *args: Any, **options: Any) -> None:
        """Invite the person."""
        try:
            validate_email(options["email"])
        except ValidationError:
            raise CommandError(f"{options['email']} is not an e-mail address.") from None
        with context.command("invite_member"):
            try:
                organization = selectors.organization_called(options["organization"])
                invitation = invitations.invite(
                    tenant=access.on_behalf_of(organization),
                    email=options["email"],
                    role=options["role"],
                    at=timezone.now(),
                )
            except DomainError as error:
                raise CommandError(error.detail) from None
        self.stdout.write(f"{invitation.email} is invited to {organization} as {options['role']}.")
