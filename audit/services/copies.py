"""Copies of an organization's log, as files. Taking one is an entry of its own."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction

from audit import selectors
from audit.signals import AuditLogExported
from config.common import exports
from config.common.events import publish
from organizations.models import Organization


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
    return exports.written(map(selectors.shown, rows), selectors.SHOWN, file_format)
