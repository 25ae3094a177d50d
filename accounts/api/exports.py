"""Copies of a person's data over REST."""

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import selectors, services
from accounts.api.examples import own_account as examples
from accounts.api.serializers.own_account import DataExportSerializer
from accounts.api.users import PersonalView
from accounts.models import DataExport
from accounts.permissions import RecentlyAuthenticated
from config.common.errors import NotFound
from config.common.listing import Listing
from config.common.problem_answers import conflict


class ExportListView(Listing, PersonalView):
    """The copies that the person asked for."""

    bodyless_methods = frozenset({"POST"})
    shape = DataExportSerializer

    @extend_schema(
        operation_id="users_me_exports_list",
        summary="List copies of my data",
        responses=DataExportSerializer(many=True),
        examples=examples.EXPORTS,
    )
    def get(self, request: Request) -> Response:
        """List the copies you asked for, newest first."""
        return self.listed(self.person.exports.all())

    @extend_schema(
        operation_id="users_me_exports_create",
        summary="Ask for a copy of my data",
        request=None,
        responses={202: DataExportSerializer},
        examples=examples.EXPORT,
    )
    def post(self, request: Request) -> Response:
        """Have a ZIP file made with everything we know about you; while one is being made, that one is the answer."""
        export = services.exports.request(user=self.person, at=timezone.now())
        return Response(DataExportSerializer(export).data, status=202)


class ExportView(PersonalView):
    """One copy of the person's data."""

    @extend_schema(
        operation_id="users_me_exports_retrieve",
        summary="Read how far a copy is",
        responses=DataExportSerializer,
        examples=examples.EXPORTS,
    )
    def get(self, request: Request, export_id: int) -> Response:
        """Return the state of a copy; `READY` has a file until `expires_at`."""
        return Response(DataExportSerializer(_own(self, export_id)).data)


class ExportDownloadView(PersonalView):
    """The file of a copy."""

    permission_classes = (IsAuthenticated, RecentlyAuthenticated)
    recent_methods = frozenset({"GET", "HEAD"})

    @extend_schema(
        operation_id="users_me_exports_download",
        summary="Fetch a copy of my data",
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            **conflict("There is no file, or no file any more."),
        },
    )
    def get(self, request: Request, export_id: int) -> StreamingHttpResponse:
        """Return the ZIP file. Needs a recent sign-in."""
        path = services.exports.download(export=_own(self, export_id), at=timezone.now())
        return StreamingHttpResponse(
            services.exports.content_of(path),
            content_type="application/zip",
            headers={"Content-Disposition": 'attachment; filename="my-data.zip"'},
        )


def _own(view: PersonalView, export_id: int) -> DataExport:
    export = selectors.export_of(view.person, export_id)
    if export is None:
        raise NotFound
    return export
