"""Send webhooks outside of Celery: `manage.py deliver_webhooks` once, or `--follow` as a service of its own."""

import time
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from config.common import memory
from config.common.commands import DomainCommand, counted
from webhooks.services import sending

_PAUSE_SECONDS = 1.0


class Command(DomainCommand):
    """For installations with much to send: a process that does nothing else hears the bell within milliseconds."""

    help = "Send every webhook that is due; with --follow, go on for ever."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whether to go on."""
        parser.add_argument("--follow", action="store_true")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Send until nothing is left, or until stopped."""
        if not options["follow"]:
            made = counted(sending.drain(), "attempt was", "attempts were")
            self.stdout.write(f"{made} made.")
            return
        memory.settle()
        while True:
            sending.drain(seconds=3_600, linger=3_600)
            # Another process has the place; it may die.
            time.sleep(_PAUSE_SECONDS)
