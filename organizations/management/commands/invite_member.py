"""Offer somebody a place in an organization: `manage.py invite_member acme mia@example.com --role ADMIN`."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.core.validators import validate_email

from config.common.commands import DomainCommand
from organizations import access, selectors
from organizations.models import Role
from organizations.services import invitations


class Command(DomainCommand):
    """The link is mailed; whoever accepts becomes a member."""

    help = "Mail somebody a link to an organization; they need no account yet."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization, the address and the role."""
        parser.add_argument("organization", help="id or slug")
        parser.add_argument("email", help="whom to invite")
        parser.add_argument("--role", choices=Role.values, default=Role.MEMBER.value)

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Invite the person."""
        try:
            validate_email(options["email"])
        except ValidationError:
            raise CommandError(f"{options['email']} is not an e-mail address.") from None
        organization = selectors.organization_called(options["organization"])
        invitation = invitations.invite(
            tenant=access.on_behalf_of(organization),
            email=options["email"],
            role=options["role"],
            at=at,
        )
        self.stdout.write(f"{invitation.email} is invited to {organization} as {options['role']}.")
