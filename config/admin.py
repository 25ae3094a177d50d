"""The back office's site: staff only, four numbers on top."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse

from config.backoffice import selectors


class TollgateAdminSite(admin.AdminSite):
    """Django's own admin under our name."""

    site_header = "Tollgate"
    site_title = "Tollgate back office"
    index_title = "Back office"

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Show the numbers of the day above the list of models."""
        return super().index(request, {"dashboard": selectors.dashboard(), **(extra_context or {})})
