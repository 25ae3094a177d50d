"""Pages of what a person is told: the list behind the bell, and having read it."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts import selectors, services
from accounts.models import Notice, User
from accounts.permissions import login_required
from config.common.errors import NotFound
from config.common.ids import id_in
from config.common.portal import page_of

_PAGE_SIZE = 20
# What a kind begins with, and the icon that goes with it.
_ICONS = {
    "broadcast": "mail",
    "api_key": "key",
    "webhook": "link",
    "invitation": "users",
    "member": "users",
    "organization": "building",
    "usage": "gauge",
    "credits": "gauge",
    "invoice": "list",
    "payment": "list",
    "security": "shield",
}


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One line of the list."""

    notice: Notice
    icon: str


@require_safe
@login_required
def notice_list(request: HttpRequest) -> HttpResponse:
    """List what the person was told, newest first."""
    assert isinstance(request.user, User)
    only_unread = request.GET.get("show") == "unread"
    query = {"show": "unread"} if only_unread else {}
    rows = selectors.notices_of(request.user, unread=True if only_unread else None)
    page = page_of(request, rows, whose=request.user, query=query, size=_PAGE_SIZE)
    context = {
        "notices": [_row(notice) for notice in page.rows],
        "only_unread": only_unread,
        "newest_id": max((notice.pk for notice in page.rows), default=0),
        "page": page.urls(query),
    }
    return render(request, "accounts/notice_list.html", context)


@require_safe
@login_required
def bell(request: HttpRequest) -> HttpResponse:
    """Draw the bell anew: a page that is open has heard that there is something."""
    return render(request, "layouts/_bell.html")


@require_POST
@login_required
def notice_read(request: HttpRequest, notice_id: int) -> HttpResponse:
    """Take note that a notice was read, and lead to what it is about."""
    assert isinstance(request.user, User)
    notice = services.notices.mark_read(user=request.user, notice_id=notice_id, at=timezone.now())
    if notice is None:
        raise NotFound
    return HttpResponseRedirect(notice.link) if notice.link else redirect("accounts:notice-list")


@require_POST
@login_required
def notices_read(request: HttpRequest) -> HttpResponse:
    """Take note that everything up to what was shown is read."""
    assert isinstance(request.user, User)
    up_to = id_in(request.POST.get("up_to", ""))
    services.notices.mark_all_read(user=request.user, at=timezone.now(), up_to=up_to)
    messages.success(request, "Everything is marked as read.")
    return redirect("accounts:notice-list")


def _row(notice: Notice) -> NoticeRow:
    return NoticeRow(notice, _ICONS.get(notice.kind.split(".")[0], "bell"))
