"""The back office's site: staff only, a second factor at the door, four numbers on top."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from config.backoffice import selectors


class TollgateAdminSite(admin.AdminSite):
    """Django's own admin under our name."""

    site_header = "Tollgate"
    site_title = "Tollgate back office"
    index_title = "Back office"

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the numbers of the day above the list of models."""
        return super().index(request, {"dashboard": selectors.dashboard(), **(extra_context or {})})
