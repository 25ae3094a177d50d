"""Reading the proxy's access log: position and effect of every chunk are committed together."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.db import connection, transaction
from django.utils import timezone

from analytics.metering import access_log
from analytics.metering.access_log import Place
from analytics.services import ingest, outcomes

# A rotated file is written to until the proxy has opened the new one; this long after its last line it is finished.
QUIET = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Progress:
    """What one step of reading came to."""

    lines: int = 0
    unreadable: int = 0
    filled: int = 0
    given_up: int = 0

    def plus(self, other: "Progress") -> "Progress":
        """Return what both steps came to."""
        return Progress(
            self.lines + other.lines,
            self.unreadable + other.unreadable,
            self.filled + other.filled,
            self.given_up + other.given_up,
        )


@transaction.atomic
def read_on(path: Path, *, quiet: timedelta = QUIET) -> Progress:
    """Read the next lines of the log, and try again the reports that wait for their call; wait for no new lines."""
    place, updated_at = _lock_position(path)
    chunk = access_log.next_chunk(
        path, place, not_before=updated_at, quiet_before=(timezone.now() - quiet).timestamp()
    )
    lines = chunk.lines if chunk else []
    reports, unreadable = access_log.reports_of(lines)
    ingest.wait_for_checkpoint()
    applied = outcomes.apply_reports(reports)
    if chunk:
        _save_position(path, chunk.place)
    return Progress(len(lines), unreadable, applied.filled, applied.given_up)


def _lock_position(path: Path) -> tuple[Place, float]:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_accesslogposition (path, head, updated_at) VALUES (%s, '', now())"
            " ON CONFLICT DO NOTHING",
            [str(path)],
        )
        cursor.execute(
            'SELECT inode, "offset", head, extract(epoch FROM updated_at)'
            " FROM analytics_accesslogposition WHERE path = %s FOR UPDATE",
            [str(path)],
        )
        inode, offset, head, updated_at = cursor.fetchone()
        return Place(inode, offset, head), float(updated_at)


def _save_position(path: Path, place: Place) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            'UPDATE analytics_accesslogposition SET inode = %s, "offset" = %s, head = %s,'
            " updated_at = now() WHERE path = %s",
            [place.inode, place.offset, place.head, str(path)],
        )
