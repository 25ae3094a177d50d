"""Usage over REST. Each view reads the query, asks one question and answers."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api import examples
from analytics.api.serializers import (
    KeyUsageQuerySerializer,
    KeyUsageSerializer,
    RealTimeSerializer,
    UsageQuerySerializer,
    UsageSerializer,
)
from analytics.selectors import calls, usage
from analytics.selectors.usage import UsageQuery
from apikeys.models import ApiKey, KeyActivity
from apikeys.selectors import activity_of
from config.common import query
from organizations.models import Organization
from organizations.roles import Permission
from organizations.scoping import OrganizationScoped


class UsageView(OrganizationScoped):
    """What the organization used."""

    query_methods = frozenset({"GET"})
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": Permission.USAGE_READ}

    @extend_schema(
        operation_id="analytics_usage",
        summary="Read usage over time",
        parameters=[UsageQuerySerializer],
        responses=UsageSerializer,
        examples=[examples.BY_HOUR, examples.BY_KEY],
    )
    def get(self, request: Request) -> Response:
        """Return measures by bucket, and by key or route if asked; calls are counted within seconds."""
        asked = query.read(request, UsageQuerySerializer)
        narrowed = _about(
            self.tenant.organization,
            asked,
            group_by=asked.get("group_by", ""),
            key_ids=asked.get("key_id"),
            routes=asked.get("route", ()),
        )
        return Response(_answer(narrowed))


class KeyUsageView(OrganizationScoped):
    """What one key used."""

    query_methods = frozenset({"GET"})
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": Permission.USAGE_READ}

    @extend_schema(
        operation_id="api_keys_usage",
        summary="Read a key's usage",
        parameters=[KeyUsageQuerySerializer],
        responses=KeyUsageSerializer,
        examples=[examples.OF_KEY],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Return the key's measures by bucket, and when it was last used."""
        asked = query.read(request, KeyUsageQuerySerializer)
        key = self.row(ApiKey.objects.all(), pk=pk)
        answer = _answer(_about(self.tenant.organization, asked, key_ids=(key.pk,)))
        return Response({"key_id": key.pk, "activity": _activity(activity_of(key)), **answer})


class RealTimeView(OrganizationScoped):
    """What happens now."""

    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": Permission.USAGE_READ}

    @extend_schema(
        operation_id="analytics_real_time",
        summary="Read the last minute",
        responses=RealTimeSerializer,
        examples=[examples.REAL_TIME],
    )
    def get(self, request: Request) -> Response:
        """Return the organization's calls of each of the last 60 seconds."""
        seconds = calls.last_minute(self.tenant.organization, at=timezone.now())
        sums = {
            name: sum(second[name] for second in seconds) for name in ("calls", "refused", "units")
        }
        return Response({"window_seconds": len(seconds), **sums, "per_second": seconds})


def _about(organization: Organization, asked: dict[str, Any], **narrower: Any) -> UsageQuery:
    """Return the question that the parameters ask of an organization's usage, or of part of it."""
    return UsageQuery(
        organization=organization,
        first=asked["first"],
        last=asked["last"],
        measures=asked["measures"],
        granularity=asked["granularity"],
        zone=asked["time_zone"],
        **narrower,
    )


def _answer(asked: UsageQuery) -> dict[str, Any]:
    return {
        "starts_at": asked.first,
        "ends_at": asked.last,
        "granularity": asked.granularity,
        "time_zone": asked.zone.key,
        "data": [_dated(row) for row in usage.series(asked)],
        "totals": usage.totals(asked),
    }


def _dated(row: dict[str, Any]) -> dict[str, Any]:
    if "bucket" in row:
        row["bucket"] = datetime.fromtimestamp(row["bucket"], UTC)
    return row


def _activity(activity: KeyActivity | None) -> dict[str, Any]:
    return {
        "first_used_at": activity.first_used_at if activity else None,
        "last_used_at": activity.last_used_at if activity else None,
        "last_ip": activity.last_ip if activity else None,
        "last_user_agent": activity.last_user_agent if activity else "",
    }
