"""Create a customer's key: `manage.py create_key --organization 1 --name Checkout`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from apikeys.management.base import RevealingCommand, end_in
from apikeys.models import Environment
from apikeys.services import keys
from organizations import selectors as organizations


class Command(RevealingCommand):
    """The plan's limits hold as they do for customers."""

    help = "Create a customer's key and print its secret once, alone on standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what the key is told."""
        parser.add_argument("--organization", required=True, help="id or slug")
        parser.add_argument("--name", required=True)
        parser.add_argument("--environment", choices=Environment.values, default=Environment.LIVE)
        parser.add_argument("--scope", action="append", default=[], help="may be repeated")
        parser.add_argument("--expires-in-days", type=int)

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Create the key."""
        organization = organizations.organization_called(options["organization"])
        key, secret = keys.create_key(
            organization=organization,
            created_by=None,
            settings={
                "name": options["name"],
                "environment": options["environment"],
                "scopes": options["scope"],
                "expires_at": end_in(options["expires_in_days"], at),
            },
            at=at,
        )
        self.reveal(f"Key {key.pk} of {organization} is created.", secret)
