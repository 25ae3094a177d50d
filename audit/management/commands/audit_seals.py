"""Writes the newest signed head of every chain, to be kept where nobody who owns the database can reach it."""

from datetime import datetime
from typing import Any

import orjson
from django.core.management.base import CommandParser

from audit import selectors
from audit.services import seals
from config.common.commands import DomainCommand


class Command(DomainCommand):
    """`manage.py audit_seals > FILE`; later `manage.py audit_verify --against FILE`."""

    help = (
        "Seal the audit log's chains and write the newest seal of each as JSON Lines. "
        "Keep the file elsewhere: `audit_verify --against FILE` compares the log with it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Let an operator only read."""
        parser.add_argument(
            "--only-print", action="store_true", help="do not seal what moved since the last seal"
        )

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Seal, then print one seal a line."""
        if not options["only_print"]:
            seals.seal_heads(at=at)
        for seal in selectors.newest_seals():
            self.stdout.write(orjson.dumps(seal).decode())
