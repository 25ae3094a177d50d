"""The back office of usage: facts, which nobody changes by hand."""

from datetime import timedelta
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property

from analytics.models import (
    ApiUsageLog,
    DailyRouteUsage,
    DailyUsage,
    HourlyKeyUsage,
    HourlyUsage,
    IngestCheckpoint,
    RejectedEvent,
)
from config.common.admin import ReadOnlyAdmin
from config.common.admin_filters import NamedValues
from config.templatetags.ui import label_of

_COUNTED = ("calls", "allowed", "rate_limited", "quota_exceeded", "denied", "units")


class NewestPaginator(Paginator[Any]):
    """Pages through the newest 10,000 rows: nobody leafs further, and counting a billion takes minutes."""

    @cached_property
    def count(self) -> int:
        """Return how many rows there are to leaf through."""
        return cast("QuerySet[Any]", self.object_list)[:10_000].count()


class Outcomes(NamedValues):
    """Filters by what came of calls, as the portal calls it."""

    def words_of(self, value: str) -> str:
        """Say what came of the calls."""
        return label_of(value)


class UsageAdmin(ReadOnlyAdmin):
    """Lists large tables without counting them."""

    paginator = NewestPaginator
    show_full_result_count = False
    list_per_page = 50
    list_select_related: ClassVar[Any] = ("organization",)


@admin.register(ApiUsageLog)
class ApiUsageLogAdmin(UsageAdmin):
    """Single calls: found by request id, organization or key."""

    list_display = ("at", "organization", "api_key", "method", "path", "outcome", "status", "units")
    list_filter = (("outcome", Outcomes), ("environment", NamedValues))
    search_fields = ("=request_id", "=organization__id", "=api_key__id")
    search_help_text = (
        "Request id, or the id of an organization or a key; without one, the calls of the last hour"
    )
    list_select_related = ("organization", "api_key")
    ordering = ("-at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the calls of the last hour, or whatever is searched for."""
        rows = super().get_queryset(request)
        is_list = request.resolver_match is not None and not request.resolver_match.kwargs
        if is_list and not request.GET.get("q"):
            return rows.filter(at__gte=timezone.now() - timedelta(hours=1))
        return rows


@admin.register(HourlyUsage)
class HourlyUsageAdmin(UsageAdmin):
    """Hours of organizations."""

    list_display = ("hour", "organization", *_COUNTED)
    search_fields = ("=organization__id", "organization__name")
    ordering = ("-id",)


@admin.register(HourlyKeyUsage)
class HourlyKeyUsageAdmin(UsageAdmin):
    """Hours of keys."""

    list_display = ("hour", "organization", "api_key", *_COUNTED)
    search_fields = ("=organization__id", "organization__name", "=api_key__id")
    list_select_related = ("organization", "api_key")
    ordering = ("-id",)


@admin.register(DailyRouteUsage)
class DailyRouteUsageAdmin(UsageAdmin):
    """Days of routes."""

    list_display = ("day", "organization", "route", *_COUNTED)
    search_fields = ("=organization__id", "organization__name", "route")
    ordering = ("-id",)


@admin.register(DailyUsage)
class DailyUsageAdmin(UsageAdmin):
    """Days of organizations."""

    list_display = ("day", "organization", *_COUNTED)
    search_fields = ("=organization__id", "organization__name")
    ordering = ("-id",)


@admin.register(RejectedEvent)
class RejectedEventAdmin(ReadOnlyAdmin):
    """Events that could not be counted, and why. `manage.py ingest_usage --retry-rejected` tries them again."""

    list_display = ("created_at", "reason", "stream_id")
    list_filter = ("reason",)
    search_fields = ("payload", "=stream_id")
    ordering = ("-id",)


@admin.register(IngestCheckpoint)
class IngestCheckpointAdmin(ReadOnlyAdmin):
    """How far ingestion has come."""

    list_display = ("name", "last_id", "updated_at")
