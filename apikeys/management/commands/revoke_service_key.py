"""Revoke a platform credential: `manage.py revoke_service_key gateway`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from apikeys import selectors
from apikeys.services import service_keys
from config.common.commands import DomainCommand


class Command(DomainCommand):
    """Whoever presents it is refused within two seconds."""

    help = "Revoke a service key for good."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the key."""
        parser.add_argument("name")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Revoke the key."""
        key = selectors.service_key_called(options["name"])
        service_keys.revoke_service_key(key=key, by=None, at=at)
        self.stdout.write(f"Service key {key.name} is revoked.")
