"""The back office's pages of other packages' models: read-only, so that nothing changes behind the audit log's back.

What holds secrets of payment providers, or rights that this product does not know, has no page.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest
from django_celery_beat.models import PeriodicTask

from config.backoffice import switches
from config.common.admin import DomainAdmin, ReadOnlyAdmin
from config.common.admin_filters import switch

# Our own admin classes say themselves who may do what.
OURS = frozenset(
    {
        "accounts",
        "analytics",
        "apikeys",
        "audit",
        "billing",
        "config",
        "organizations",
        "webhooks",
    }
)
HIDDEN = frozenset(
    {
        "auth.Group",
        "djstripe.APIKey",
        "djstripe.IdempotencyKey",
        "djstripe.WebhookEndpoint",
    }
)


class PeriodicJobAdmin(DomainAdmin):
    """The clockwork: staff switch jobs off and on."""

    audited_as = "periodic_job"
    list_display = ("name", "interval", "enabled", "last_run_at", "total_run_count")
    list_filter = (("enabled", switch("state", yes="On", no="Off")),)
    search_fields = ("name",)
    list_select_related = ("interval",)
    ordering = ("name",)
    fields = ("name", "description", "interval", "enabled", "last_run_at", "total_run_count")
    readonly_fields = ("name", "description", "interval", "last_run_at", "total_run_count")
    actions = ("switch_off", "switch_on")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Jobs are code."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Jobs are code."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Switch the job through the service."""
        switches.switch(job=obj, is_on=form.cleaned_data["enabled"])

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """Stop the jobs from ringing."""
        self._switch(request, queryset, is_on=False)

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """Let the jobs ring again."""
        self._switch(request, queryset, is_on=True)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[PeriodicTask], *, is_on: bool
    ) -> None:
        switched = sum(switches.switch(job=job, is_on=is_on) for job in queryset)
        done = "Switched on" if is_on else "Switched off"
        self.message_user(request, f"{done}: {switched}.", messages.SUCCESS)


OWN_PAGES: Mapping[str, type[admin.ModelAdmin[Any]]] = {
    "django_celery_beat.PeriodicTask": PeriodicJobAdmin
}


def page_of(
    model: type[Model], theirs: type[admin.ModelAdmin[Any]]
) -> type[admin.ModelAdmin[Any]] | None:
    """Return the class that shows a model in place of its package's own; None for what has no page."""
    label = model._meta.label  # noqa: SLF001  public in all but name
    if label in HIDDEN:
        return None
    if theirs.__module__.partition(".")[0] in OURS:
        return theirs
    return OWN_PAGES.get(label) or _read_only(model, theirs)


def _read_only(
    model: type[Model], theirs: type[admin.ModelAdmin[Any]]
) -> type[admin.ModelAdmin[Any]]:
    # A search by columns that their models have no more would fail.
    columns = {field.name for field in model._meta.get_fields()}  # noqa: SLF001  public in all but name
    searched = [
        name for name in theirs.search_fields if name.strip("^=@").split(LOOKUP_SEP)[0] in columns
    ]
    # Actions would change rows too.
    body = {
        "__module__": __name__,
        "search_fields": searched,
        "get_actions": lambda _self, _request: {},
        # Pages of their own act too, for whoever may enter.
        "get_urls": admin.ModelAdmin.get_urls,
    }
    return type(theirs.__name__, (ReadOnlyAdmin, theirs), body)
