"""Pages of the log and of security events: an organization's, for those who may read them, and a person's own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.permissions import login_required
from audit import selectors, vocabulary
from audit.forms import AcknowledgeForm, FilterForm, LogFilterForm
from audit.models import AuditLog, SecurityEvent
from audit.services import copies, security
from config.common.exports import Format
from config.common.forms import form_page
from config.common.pagination import Order
from config.common.portal import page_of
from organizations import access
from organizations.permissions import member_required, tenant_of_page
from organizations.roles import Permission

_PAGE_SIZE = 50
_BY_TIME = Order("occurred_at")
_EMPTY: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of a list: an event, whom it concerns, from where, and who has looked at it."""

    event: SecurityEvent
    person: str
    seen_by: str
    is_open: bool
    can_acknowledge: bool


@dataclass(frozen=True, slots=True)
class LogRow:
    """One entry of the log as its organization sees it, in words, with its changes side by side."""

    entry: dict[str, Any]
    sentence: str
    actor: str
    target: str
    changes: list[tuple[str, str, str]]


@require_safe
@member_required(Permission.AUDIT_READ)
def log(request: HttpRequest) -> HttpResponse:
    """List what happened in the organization, whoever did it."""
    tenant = tenant_of_page(request)
    form = LogFilterForm(request.GET)
    query = form.query()
    entries = selectors.log_of(tenant.organization, at=timezone.now())
    page = page_of(
        request,
        selectors.entries_where(entries, **form.filters()),
        whose=tenant.organization,
        query=query,
        size=_PAGE_SIZE,
        order=_BY_TIME,
    )
    context = {
        "form": form,
        "query": query,
        "entries": _log_rows(page.rows),
        "page": page.urls(query),
        "copies": [
            (kind.value.upper(), f"?{urlencode({**query, 'file_format': kind.value})}")
            for kind in Format
        ],
    }
    return render(request, "audit/log.html", context)


@require_safe
@member_required(Permission.AUDIT_READ)
def log_entry(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Show one entry with all it says."""
    tenant = tenant_of_page(request)
    entries = selectors.log_of(tenant.organization, at=timezone.now())
    rows = _log_rows([access.row_of(tenant, entries, pk=entry_id)])
    return render(request, "audit/log_entry.html", {"row": rows[0]})


@require_safe
@member_required(Permission.AUDIT_READ)
def log_export(request: HttpRequest) -> StreamingHttpResponse:
    """Send the entries that the filters keep as a file; that this was done is an entry of its own."""
    wanted = request.GET.get("file_format", "")
    file_format = Format(wanted) if wanted in set(Format) else Format.CSV
    content = copies.export(
        organization=tenant_of_page(request).organization,
        filters=LogFilterForm(request.GET).filters(),
        file_format=file_format,
        at=timezone.now(),
    )
    return StreamingHttpResponse(
        content, content_type=file_format.content_type, headers=file_format.headers("audit-log")
    )


def _log_rows(entries: Sequence[AuditLog]) -> list[LogRow]:
    names = selectors.names_in(entries)
    return [
        LogRow(
            entry=selectors.shown_flat(entry),
            sentence=selectors.sentence_of(entry, names),
            actor=selectors.actor_of(entry),
            target=selectors.target_of(entry, names),
            changes=_changes_of(entry),
        )
        for entry in entries
    ]


def _changes_of(entry: AuditLog) -> list[tuple[str, str, str]]:
    old, new = entry.old_values or {}, entry.new_values or {}
    pairs = [(name, old.get(name), new.get(name)) for name in dict.fromkeys([*old, *new])]
    # Of something new, what is empty says nothing.
    told = [pair for pair in pairs if pair[1] not in _EMPTY or pair[2] not in _EMPTY]
    return [(name, _said(before), _said(after)) for name, before, after in told]


def _said(value: Any) -> str:
    """Return a value as the page shows it: texts as they are, documents as JSON, nothing for nothing."""
    if value in _EMPTY:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@require_safe
@member_required(Permission.AUDIT_READ)
def event_list(request: HttpRequest) -> HttpResponse:
    """List what concerns the security of the organization."""
    tenant = tenant_of_page(request)
    may_acknowledge = tenant.may(Permission.AUDIT_ACKNOWLEDGE)
    form = FilterForm(request.GET)
    events = selectors.security_events_of(tenant.organization)
    context, found = _listed(request, form, events, whose=tenant.organization)
    people = selectors.people_of(found)
    context["events"] = [
        _row(event, people, is_own=False, may_acknowledge=may_acknowledge) for event in found
    ]
    return render(request, "audit/event_list.html", context)


@form_page
@member_required(Permission.AUDIT_ACKNOWLEDGE)
def event_acknowledge(request: HttpRequest, event_id: int) -> HttpResponse:
    """Show one event with all it says, and take note that somebody has looked at it."""
    tenant = tenant_of_page(request)
    event = access.row_of(tenant, SecurityEvent.objects.all(), pk=event_id)
    form = AcknowledgeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        note = form.cleaned_data["note"]
        security.acknowledge(security_event=event, by=request.user, at=timezone.now(), note=note)
        messages.success(request, "The event is acknowledged.")
        return redirect("audit:event-list")
    row = _row(event, selectors.people_of([event]), is_own=False, may_acknowledge=True)
    return render(request, "audit/event_acknowledge.html", {"row": row, "form": form})


@require_safe
@login_required
def my_event_list(request: HttpRequest) -> HttpResponse:
    """List what concerns the security of the account of the person who looks."""
    assert isinstance(request.user, User)
    form = FilterForm(request.GET, names=vocabulary.PERSONAL)
    events = selectors.security_events_about(request.user)
    context, found = _listed(request, form, events, whose=request.user)
    context["events"] = [_row(event, {}, is_own=True, may_acknowledge=False) for event in found]
    return render(request, "audit/my_event_list.html", context)


@require_safe
@login_required
def my_activity(request: HttpRequest) -> HttpResponse:
    """List what the person who looks did, and what was done to their account."""
    assert isinstance(request.user, User)
    user = request.user
    entries = selectors.activity_of(user)
    page = page_of(request, entries, whose=user, size=_PAGE_SIZE, order=_BY_TIME)
    names = selectors.names_in(page.rows)
    context = {
        "entries": [
            {
                "entry": one,
                "sentence": selectors.sentence_of(one, names),
                "who": selectors.kind_of_actor(one),
                "by_me": selectors.is_by(user, one),
            }
            for one in page.rows
        ],
        "page": page.urls(),
    }
    return render(request, "audit/my_activity.html", context)


def _listed(
    request: HttpRequest, form: FilterForm, events: QuerySet[SecurityEvent], *, whose: Model
) -> tuple[dict[str, Any], Sequence[SecurityEvent]]:
    query = form.query()
    rows = selectors.narrowed(events, **form.filters())
    page = page_of(request, rows, whose=whose, query=query, size=_PAGE_SIZE)
    return {"form": form, "query": query, "page": page.urls(query)}, page.rows


def _row(
    event: SecurityEvent, people: dict[int, str], *, is_own: bool, may_acknowledge: bool
) -> EventRow:
    is_organizations = event.organization_id is not None
    return EventRow(
        event=event,
        person=people.get(event.user_id or 0, ""),
        seen_by=people.get(event.acknowledged_by_id or 0, ""),
        is_open=is_own or is_organizations,
        can_acknowledge=may_acknowledge and is_organizations and not event.is_acknowledged,
    )
