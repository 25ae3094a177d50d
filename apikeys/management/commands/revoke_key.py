"""Revoke a customer's key: `manage.py revoke_key 42` or `manage.py revoke_key tg_live_8Gh2`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from apikeys import selectors
from apikeys.services import keys
from config.common.commands import DomainCommand


class Command(DomainCommand):
    """The gates refuse the key within two seconds."""

    help = "Revoke a customer's key for good."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the key."""
        parser.add_argument("key", metavar="PREFIX|ID")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Revoke the key, if exactly one is meant."""
        key = selectors.key_called(options["key"])
        keys.revoke_key(key=key, at=at)
        self.stdout.write(f"Key {key.pk}, {key}, of {key.organization} is revoked.")
