"""Revoke a customer's key: `manage.py revoke_key 42` or `manage.py revoke_key tg_live_8Gh2`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

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
        found = selectors.key_named(options["key"])
        if not found:
            raise CommandError(f"There is no key {options['key']}.")
        if len(found) > 1:
            ids = ", ".join(str(key.pk) for key in found)
            raise CommandError(f"Several keys have this prefix; name one by its id: {ids}.")
        key = keys.revoke_key(key=found[0], at=at)
        self.stdout.write(f"Key {key.pk}, {key}, of {found[0].organization} is revoked.")
