"""Give a platform credential a new secret: `manage.py rotate_service_key gateway --overlap-seconds 3600`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from apikeys import selectors
from apikeys.management.base import RevealingCommand
from apikeys.services import service_keys

_DAY = 86_400


class Command(RevealingCommand):
    """Older secrets work for the overlap at most, so that whoever presents them can be told the new one."""

    help = "Give a service key a new secret and print it once, alone on standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the key, and how long its present secret goes on working."""
        parser.add_argument("name")
        parser.add_argument("--overlap-seconds", type=int, default=_DAY, help="a day if left out")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Rotate the key."""
        key, secret = service_keys.rotate_service_key(
            key=selectors.service_key_called(options["name"]),
            overlap_seconds=options["overlap_seconds"],
            by=None,
            at=at,
        )
        self.reveal(f"Service key {key.name} is rotated.", secret)
