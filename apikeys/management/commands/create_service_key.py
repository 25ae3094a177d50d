"""Create a platform credential: `manage.py create_service_key gateway --scope keys:verify`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from apikeys.management.base import RevealingCommand, end_in
from apikeys.services import service_keys


class Command(RevealingCommand):
    """For gateways and the seller's own backend."""

    help = "Create a service key and print its secret once, alone on standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what the key is told."""
        parser.add_argument("name")
        parser.add_argument("--scope", action="append", required=True, help="may be repeated")
        parser.add_argument(
            "--address", action="append", default=[], help="address or network; may be repeated"
        )
        parser.add_argument("--expires-in-days", type=int)

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Create the key."""
        key, secret = service_keys.create_service_key(
            name=options["name"],
            scopes=options["scope"],
            ip_allowlist=options["address"],
            expires_at=end_in(options["expires_in_days"], at),
            by=None,
            at=at,
        )
        self.reveal(f"Service key {key.name} is created.", secret)
