"""Writing the log. A chain's head row is locked, so that its entries have one order and no gap."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import BigIntegerField, Func, TextField

from audit.chaining import GENESIS, PLATFORM_CHAIN, as_kept, hash_of
from audit.models import AuditChain, AuditLog
from audit.services import months
from config.common import context
from config.common.changes import plain
from config.common.events import DomainEvent
from config.common.logs import redact
from config.common.prepared import Addition, Given, Prepared


@transaction.atomic(savepoint=False)
def record(
    event: DomainEvent,
    *,
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditLog:
    """Append an event to the chain of its organization, or to the platform's.

    The head stays locked until the change commits: the next change of the same organization takes its number then.
    """
    head = _locked_head(event.organization_id or PLATFORM_CHAIN, at)
    previous = bytes(head.hash)
    values = {
        **_values(event, at=at),
        "chain": head.chain,
        "sequence": head.sequence + 1,
        "old_values": None if before is None else as_kept(redact(plain(before))),
        "new_values": None if after is None else as_kept(redact(plain(after))),
    }
    entry = AuditLog(**values, previous_hash=previous, hash=hash_of(values, previous))
    _log.add(entry)  # a trigger moves the head
    return entry


_log = Addition(AuditLog)
# Whether there is a partition for the entry is asked along with the head: it costs no query of its own.
_heads = Prepared(
    lambda: (
        AuditChain.objects.select_for_update()
        .annotate(
            partition=Func(
                Given("partition", TextField()),
                function="to_regclass",
                template="%(function)s(%(expressions)s)::text",
                output_field=TextField(),
            )
        )
        .filter(chain=Given("chain", BigIntegerField()))
        .order_by("chain")
    )
)


def _locked_head(chain: int, at: datetime) -> AuditChain:
    day = at.astimezone(UTC).date()
    asked = {"chain": chain, "partition": months.TABLE.name_of(day)}
    head = _heads.first(**asked)
    if head is None:
        # Two first entries at once: one inserts, the other waits here and then finds the row.
        AuditChain.objects.bulk_create(
            [AuditChain(chain=chain, hash=GENESIS)], ignore_conflicts=True
        )
        head = _heads.first(**asked)
    assert head is not None
    if not head.partition:  # type: ignore[attr-defined]
        months.TABLE.ensure([day])
    return head


def _values(event: DomainEvent, *, at: datetime) -> dict[str, Any]:
    here = context.current()
    data = {
        name: value for name, value in event.as_data().items() if name not in {"before", "after"}
    }
    return {
        "event": event.name,
        "summary": redact(event.describe())[:300],
        "organization_id": event.organization_id,
        "actor_type": here.actor.type,
        "actor_id": here.actor.id,
        "actor_label": here.actor.label[:254],
        "target_type": event.target_type,
        "target_id": event.target_id,
        "data": as_kept(redact(data)),
        "ip": here.ip,
        "user_agent": here.user_agent[:300],
        "request_id": here.request_id,
        "occurred_at": at,
    }
