"""Drain the usage stream, once or for as long as the process lives."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from analytics.management.following import follow, stopping
from analytics.services import ingest
from config.common.commands import DomainCommand

# How long a call may be unseen when there is little to do.
_PAUSE_SECONDS = 0.1


class Command(DomainCommand):
    """Moves calls from the stream into the log and the roll-ups, every one exactly once."""

    help = (
        "Move calls from the usage stream into the log and the roll-ups. Any number may run: one at a time has the"
        " checkpoint, the others wait."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the switches."""
        parser.add_argument("--follow", action="store_true", help="go on until stopped")
        parser.add_argument(
            "--batch-size",
            type=int,
            default=ingest.BATCH_SIZE,
            help="events per transaction (%(default)s)",
        )
        parser.add_argument(
            "--retry-rejected",
            action="store_true",
            help="first try again the events that were set aside, say after a clock was put right",
        )

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Drain."""
        if options["retry_rejected"]:
            counted = ingest.retry_rejected(batch_size=options["batch_size"])
            self.stdout.write(f"{counted} of the rejected events counted")
        if options["follow"]:
            self._follow(options["batch_size"])
        else:
            self._report(ingest.drain(batch_size=options["batch_size"]))

    def _follow(self, batch_size: int) -> None:
        with stopping() as stop:
            for outcome in follow(
                lambda: ingest.drain(batch_size=batch_size, is_stopped=stop.is_set),
                is_idle=lambda outcome: not outcome.read,
                stop=stop,
                pause=_PAUSE_SECONDS,
            ):
                if outcome.rejected:
                    self._report(outcome)

    def _report(self, outcome: ingest.Outcome) -> None:
        self.stdout.write(
            f"{outcome.read} events read, {outcome.counted} counted, {outcome.rejected} rejected"
        )
