"""The log of an organization over REST: listed, one entry, and copied as a file."""

from typing import ClassVar

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audit import selectors
from audit.api import examples
from audit.api.serializers import (
    AuditLogFiltersSerializer,
    AuditLogSerializer,
    ExportAuditLogSerializer,
)
from audit.services import copies
from config.common import query
from config.common.exports import Format
from config.common.listing import Listing, Showing
from config.common.views import AsItIs
from organizations.roles import Permission
from organizations.scoping import OrganizationScoped


class AuditLogListView(Listing, OrganizationScoped):
    """What happened in an organization."""

    shape = AuditLogSerializer
    filters = AuditLogFiltersSerializer
    orders: ClassVar[dict[str, str]] = {"occurred_at": "occurred_at"}
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": Permission.AUDIT_READ}

    @extend_schema(
        operation_id="audit_log_list",
        summary="List the audit log",
        parameters=[AuditLogFiltersSerializer],
        responses=AuditLogSerializer(many=True),
        examples=[examples.ENTRY, examples.EXPANDED_ENTRY],
    )
    def get(self, request: Request) -> Response:
        """List what happened in the organization, newest first, as far back as the plan shows.

        What staff did for the organization is there too, marked as theirs.
        """
        filters = self.asked()
        entries = selectors.log_of(self.tenant.organization, at=timezone.now())
        return self.listed(selectors.entries_where(entries, **filters))


class AuditLogEntryView(Showing, OrganizationScoped):
    """One entry of the log."""

    shape = AuditLogSerializer
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": Permission.AUDIT_READ}

    @extend_schema(
        operation_id="audit_log_retrieve",
        summary="Read one entry of the audit log",
        responses=AuditLogSerializer,
        examples=[examples.ENTRY, examples.EXPANDED_ENTRY],
    )
    def get(self, request: Request, entry_id: int) -> Response:
        """Return one entry; one that is older than the plan shows is not found."""
        entries = selectors.log_of(self.tenant.organization, at=timezone.now())
        return self.shown(lambda: self.row(entries, pk=entry_id))


class AuditLogExportView(OrganizationScoped):
    """A copy of the log."""

    content_negotiation_class = AsItIs
    query_methods = frozenset({"GET"})
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": Permission.AUDIT_READ}

    @extend_schema(
        operation_id="audit_log_export",
        summary="Download the audit log",
        parameters=[ExportAuditLogSerializer],
        responses={
            (200, "text/csv"): OpenApiTypes.BINARY,
            (200, "application/jsonl"): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Return the entries that match as a file, newest first. In CSV no cell can be taken for a formula.

        That a copy was taken is an entry of its own.
        """
        filters = query.read(request, ExportAuditLogSerializer)
        file_format = Format(filters.pop("file_format"))
        content = copies.export(
            organization=self.tenant.organization,
            filters=filters,
            file_format=file_format,
            at=timezone.now(),
        )
        return StreamingHttpResponse(
            content,
            content_type=file_format.content_type,
            headers=file_format.headers("audit-log"),
        )
