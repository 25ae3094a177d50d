"""The months of the log: made ahead by a job, or by an entry that finds none; dropped when no plan shows them any more.

A month goes only if the chains in it are as they were written: what was tampered with stays as evidence. What is left
of each chain hangs on a signed anchor, the last entry that went.
"""

from datetime import UTC, date, datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max
from psycopg import sql

from audit import selectors
from audit.models import AuditLog, AuditSeal
from audit.services import seals
from billing import selectors as billing
from config.common.partitions import PartitionedTable, Span

logger = structlog.get_logger(__name__)
MONTHS_AHEAD = 3
TABLE = PartitionedTable(
    name="audit_auditlog",
    span=Span.MONTH,
    lock=7_401_002,
    finishing=(
        "CREATE UNIQUE INDEX {unique} ON {partition} (chain, sequence)",
        """
        CREATE TRIGGER auditlog_stays BEFORE TRUNCATE ON {partition}
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()
        """,
    ),
)


def create_ahead(*, at: datetime) -> list[date]:
    """Make the present month's partition and the coming ones; return those that were missing."""
    return TABLE.ensure_ahead(today=at.astimezone(UTC).date(), count=MONTHS_AHEAD)


def days_kept() -> int:
    """Return for how many days entries exist: as long as any plan shows them, and as the operator wants."""
    wanted: int = settings.AUDIT_LOG_RETENTION_DAYS
    return max(wanted, billing.longest_audit_retention())


def drop_expired(*, at: datetime) -> list[date]:
    """Drop the months past their retention, oldest first, each in a transaction of its own; return those that went.

    One whose chains do not verify stays, with those behind it, and is reported.
    """
    first_kept = (at.astimezone(UTC) - timedelta(days=days_kept())).date()
    dropped = []
    for month in TABLE.expired(first_kept=first_kept):
        if not _drop(month, at=at):
            break
        dropped.append(month)
    return dropped


@transaction.atomic
def _drop(month: date, *, at: datetime) -> bool:
    ends = _ends_of(month)
    faults = [fault for chain in ends if (fault := selectors.first_fault(chain))]
    if faults:
        logger.error(
            "audit_month_kept", month=month.isoformat(), chains=[one.chain for one in faults]
        )
        return False
    anchors = [_anchor(chain, sequence, month) for chain, sequence in ends.items()]
    AuditSeal.objects.bulk_create(seals.signed(anchor, at=at) for anchor in anchors)
    TABLE.drop(month)
    return True


def _ends_of(month: date) -> dict[int, int]:
    """Return the last place of each chain in a month."""
    statement = sql.SQL("SELECT chain, max(sequence) FROM {} GROUP BY chain ORDER BY chain")
    with connection.cursor() as cursor:
        cursor.execute(statement.format(sql.Identifier(TABLE.name_of(month))))
        return dict(cursor.fetchall())


def _anchor(chain: int, sequence: int, month: date) -> AuditSeal:
    before = datetime.combine(Span.MONTH.next(month), datetime.min.time(), UTC)
    written = AuditLog.objects.filter(chain=chain)
    # Clocks of several servers differ: an earlier month may end with a later place than the next one begins with.
    earlier = AuditSeal.objects.filter(chain=chain, kind=AuditSeal.Kind.ANCHOR)
    reached = max(sequence, earlier.aggregate(last=Max("sequence"))["last"] or 0)
    stays = written.filter(sequence__lte=reached, occurred_at__gte=before).order_by("sequence")
    last = written.filter(sequence=reached).first()
    return AuditSeal(
        chain=chain,
        sequence=reached,
        hash=bytes(last.hash) if last else bytes(earlier.get(sequence=reached).hash),
        kind=AuditSeal.Kind.ANCHOR,
        leftover=[[entry.sequence, bytes(entry.hash).hex()] for entry in stays],
    )
