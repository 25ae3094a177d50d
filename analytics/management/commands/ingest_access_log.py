"""Read the proxy's access log: status, latency and size of every call that passed."""

from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from analytics.management.following import follow, stopping
from analytics.services import access_log, outcomes
from analytics.services.access_log import Progress
from config.common.commands import DomainCommand

_PAUSE_SECONDS = 0.5


class Command(DomainCommand):
    """Fills in what only the proxy knows; goes on where it stopped, also across rotation."""

    help = (
        "Read nginx's JSON access log (log_format tollgate of deploy/nginx/tollgate.conf) and fill in status, latency"
        " and bytes of the calls. The position is kept in the database: reading goes on where it stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the file and the switch."""
        parser.add_argument("path", type=Path, help="the access log; rotated files lie beside it")
        parser.add_argument("--follow", action="store_true", help="go on until stopped")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Read."""
        path: Path = options["path"].absolute()
        if options["follow"]:
            self._follow(path)
        elif not _is_file(path):
            raise CommandError(f"There is no file {path}.")
        else:
            try:
                self._read(path)
            except OSError as error:
                raise CommandError(f"{path} cannot be read: {error.strerror}.") from None

    def _read(self, path: Path) -> None:
        total = Progress()
        while (step := access_log.read_on(path)).lines:
            total = total.plus(step)
        total = total.plus(step)
        self.stdout.write(
            f"{total.lines} lines read, {total.unreadable} of them unreadable; {total.filled} calls filled in,"
            f" {outcomes.count_waiting()} reports wait for their call, {total.given_up} given up"
        )

    def _follow(self, path: Path) -> None:
        with stopping() as stop:
            for step in follow(
                lambda: access_log.read_on(path),
                is_idle=lambda step: not step.lines,
                stop=stop,
                pause=_PAUSE_SECONDS,
            ):
                if step.unreadable:
                    self.stderr.write(f"{step.unreadable} lines of {path} could not be read")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # What no file can be called, such as a name of a thousand letters.
        return False
