"""Copies of an organization's log, as files. Taking one is an entry of its own."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from audit import selectors
from audit.models import AuditLog
from audit.signals import AuditLogExported
from config.common import exports
from config.common.events import publish
from organizations.models import Organization

# Staff see who of them acted, and from where.
_STAFF_COLUMNS = (
    "id", "occurred_at", "event", "summary", "organization_id", "actor_type", "actor_id", "actor_label", "target_type",
    "target_id", "old_values", "new_values", "data", "ip", "user_agent", "request_id",
)  # fmt: skip


def export(
    *,
    organization: Organization,
    filters: dict[str, Any],
    file_format: exports.Format,
    at: datetime,
) -> Iterator[bytes]:
    """Note that a copy is taken and return it piece by piece, newest entry first; the rows are read as they are sent."""
    with transaction.atomic():
        publish(
            AuditLogExported(
                organization_id=organization.pk,
                file_format=file_format.value,
                filters={name: str(value) for name, value in filters.items()},
            )
        )
    entries = selectors.entries_where(selectors.log_of(organization, at=at), **filters)
    rows = entries.order_by("-occurred_at", "-id").iterator(chunk_size=500)
    return exports.written(map(selectors.shown_flat, rows), selectors.SHOWN, file_format)


@transaction.atomic
def export_for_staff(
    *, entries: QuerySet[AuditLog], file_format: exports.Format
) -> Iterator[bytes]:
    """Note that staff take a copy of the chosen entries, in the chain of every organization they are of, and return it."""
    of = entries.order_by().values_list("organization_id", flat=True).distinct()
    for organization_id in sorted(of, key=lambda pk: pk or 0):
        publish(
            AuditLogExported(
                organization_id=organization_id, file_format=file_format.value, filters={}
            )
        )
    rows = entries.values(*_STAFF_COLUMNS).iterator(chunk_size=500)
    return exports.written(rows, _STAFF_COLUMNS, file_format)
