"""Pages of usage. Each asks for what it shows through the tenancy gate, and renders it."""

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import middleware
from accounts.models import User
from analytics import realtime
from analytics.forms import UsageFilterForm
from analytics.selectors import calls, pages, usage
from analytics.selectors.keys import key_filter, suggested_keys
from analytics.selectors.usage import UsageQuery
from apikeys.models import ApiKey, KeyActivity
from config.common.context import current
from config.common.errors import Unauthenticated
from config.common.portal import filters_of, page_of
from organizations import access
from organizations.access import Tenant
from organizations.permissions import member_required, tenant_of_page
from organizations.roles import Permission

_REQUESTS_PER_PAGE = 50
_REQUEST_FILTERS = ("request_id", "key", "path", "outcome")


@require_safe
@member_required(Permission.USAGE_READ)
def overview(request: HttpRequest) -> HttpResponse:
    """Show where the organization stands: today, the month, the quota, the newest calls, what to do next."""
    tenant, now = tenant_of_page(request), timezone.now()
    organization = tenant.organization
    keys_count = _keys(request).count()
    recent = calls.recent_calls(organization)
    context = {
        "totals": pages.headline(organization, at=now, zone=_zone(tenant)),
        "quota": pages.quota_of(organization, at=now),
        "series_url": reverse("analytics:usage-data"),
        "keys_count": keys_count,
        "first_key": keys_count == 0,
        "steps": _steps(
            tenant, has_keys=keys_count > 0, has_calls=bool(recent) or _was_used(tenant)
        ),
        "recent": recent,
    }
    return render(request, "analytics/overview.html", context)


@require_safe
@member_required(Permission.USAGE_READ)
def usage_overview(request: HttpRequest) -> HttpResponse:
    """Show what was used over time, by key and by route."""
    form, asked = _asked(request)
    totals = usage.totals(replace(asked, measures=("calls", "errors", "units", "latency_p95")))
    context = {
        "filters": form,
        "series_url": f"{reverse('analytics:usage-data')}?{request.GET.urlencode()}",
        "totals": {**totals, "p95_ms": totals["latency_p95"]},
        "suggested_keys": suggested_keys(_keys(request)),
        "by_key": pages.by_key(asked),
        # Usage by route is not kept by key.
        "is_of_keys": asked.is_about_keys,
        "by_route": [] if asked.is_about_keys else pages.by_route(asked),
    }
    return render(request, "analytics/usage.html", context)


@require_safe
@never_cache
@member_required(Permission.USAGE_READ)
def usage_data(request: HttpRequest) -> JsonResponse:
    """Answer what the charts draw."""
    _, asked = _asked(request)
    return JsonResponse(pages.chart(asked))


@require_safe
@member_required(Permission.USAGE_READ)
def request_list(request: HttpRequest) -> HttpResponse:
    """List single calls, newest first."""
    tenant = tenant_of_page(request)
    query = filters_of(request, *_REQUEST_FILTERS, most=200)
    chosen = key_filter(_keys(request), query["key"])
    matching = calls.matching_calls(
        tenant.organization,
        request_id=query["request_id"],
        key_ids=chosen.ids,
        path=query["path"],
        outcome=query["outcome"],
    )
    page = page_of(
        request, matching, whose=tenant.organization, query=query, size=_REQUESTS_PER_PAGE
    )
    context = {
        "calls": page.rows,
        "page": page.urls(query),
        "query": query,
        "key": chosen.text,
        "is_of_keys_alone": bool(chosen.ids) and not any({**query, "key": ""}.values()),
        "suggested_keys": suggested_keys(_keys(request)),
    }
    return render(request, "analytics/request_list.html", context)


@require_POST
@never_cache
@member_required(Permission.USAGE_READ)
def live_ticket(request: HttpRequest) -> JsonResponse:
    """Hand out a ticket for one WebSocket; it is bound to this sign-in and this organization."""
    claims = middleware.claims_of(request)
    if claims is None:
        raise Unauthenticated("Sign in again.")
    ticket = realtime.issue_ticket(
        realtime.Ticket(
            user_id=claims.user_id,
            session_id=claims.session_id,
            session_version=claims.session_version,
            organization_id=tenant_of_page(request).organization.pk,
            ip=current().ip,
        )
    )
    return JsonResponse({"ticket": ticket, "expires_in": realtime.TICKET_SECONDS})


def _asked(request: HttpRequest) -> tuple[UsageFilterForm, UsageQuery]:
    tenant = tenant_of_page(request)
    form = UsageFilterForm(request.GET, keys=_keys(request))
    question = form.question(tenant.organization, at=timezone.now(), zone=_zone(tenant))
    return form, question


def _keys(request: HttpRequest) -> QuerySet[ApiKey]:
    return access.rows_of(tenant_of_page(request), ApiKey.objects.all())


def _steps(tenant: Tenant, *, has_keys: bool, has_calls: bool) -> list[dict[str, Any]]:
    """Return the newcomer's way to the first call, open as far as they can go now; nothing once it is made."""
    if has_calls:
        return []
    assert isinstance(tenant.user, User)
    is_verified = tenant.user.is_verified_email
    may_create = is_verified and tenant.may(Permission.KEYS_WRITE)
    return [
        {
            "label": "Verify your e-mail address",
            "done": is_verified,
            "url": reverse("accounts:verify-email-resend"),
        },
        {
            "label": "Create an API key",
            "done": has_keys,
            "url": reverse("apikeys:key-create") if may_create else "",
        },
        {
            "label": "Make your first call",
            "done": False,
            "url": reverse("apikeys:key-list") if has_keys else "",
        },
    ]


def _was_used(tenant: Tenant) -> bool:
    return KeyActivity.objects.filter(api_key__organization=tenant.organization).exists()


def _zone(tenant: Tenant) -> ZoneInfo:
    assert isinstance(tenant.user, User)
    return pages.zone_named(tenant.user.time_zone)
