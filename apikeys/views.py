"""Pages of keys. Each loads its rows through the tenancy gate, makes one call into the domain and answers."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import recently_authenticated
from apikeys import selectors
from apikeys.forms import EditKeyForm, KeyForm, RevokeKeyForm, RotateKeyForm
from apikeys.models import ApiKey
from apikeys.services import keys
from config.common import once
from config.common.errors import DomainError
from config.common.forms import form_page
from config.common.portal import filters_of, page_of
from organizations import access
from organizations.permissions import member_required, tenant_of_page
from organizations.roles import Permission


@require_safe
@member_required(Permission.KEYS_READ)
def key_list(request: HttpRequest) -> HttpResponse:
    """List the organization's keys, newest first."""
    tenant = tenant_of_page(request)
    query = filters_of(request, "q", "environment", "status")
    rows = access.rows_of(tenant, selectors.keys())
    page = page_of(
        request,
        selectors.filtered(rows, at=timezone.now(), **query),
        whose=tenant.organization,
        query=query,
        size=25,
    )
    context = {
        "keys": page.rows,
        "page": page.urls(query),
        "query": query,
        "can_write": tenant.may(Permission.KEYS_WRITE),
    }
    return render(request, "apikeys/key_list.html", context)


@form_page
@member_required(Permission.KEYS_WRITE)
@recently_authenticated
@once.form
def key_create(request: HttpRequest) -> HttpResponse:
    """Create a key and show its secret in the same answer."""
    tenant = tenant_of_page(request)
    form = KeyForm(request.POST or None)
    if form.is_valid():
        try:
            key, secret = keys.create_key(
                organization=tenant.organization,
                created_by=tenant.user,
                settings=form.settings(),
                at=timezone.now(),
            )
        except DomainError as error:
            form.refuse(error)
        else:
            return _reveal(request, key, secret)
    return render(request, "apikeys/key_create.html", {"form": form})


@require_safe
@member_required(Permission.KEYS_READ, on=ApiKey)
def key_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what a key may do and what it used."""
    key = _key(request, pk)
    context = {
        "key": key,
        "usage": selectors.use_of(key, at=timezone.now()),
        "can_write": tenant_of_page(request).may_on(Permission.KEYS_WRITE, key),
    }
    return render(request, "apikeys/key_detail.html", context)


@form_page
@member_required(Permission.KEYS_WRITE, on=ApiKey)
def key_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a key."""
    key = _key(request, pk)
    form = EditKeyForm(request.POST or None, key=key)
    if form.is_valid():
        try:
            keys.update_key(
                key=key,
                settings=form.changes(),
                at=timezone.now(),
                by=tenant_of_page(request).user,
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, "The changes are saved.")
            return redirect("apikeys:key-detail", pk=key.pk)
    return render(request, "apikeys/key_edit.html", {"form": form, "key": key})


@form_page
@member_required(Permission.KEYS_WRITE, on=ApiKey)
@recently_authenticated
@once.form
def key_rotate(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a key a new secret and show it in the same answer."""
    key = _key(request, pk)
    form = RotateKeyForm(request.POST or None)
    if form.is_valid():
        try:
            overlap_seconds = form.cleaned_data["overlap_seconds"]
            key, secret = keys.rotate_key(
                key=key,
                overlap_seconds=overlap_seconds,
                at=timezone.now(),
                by=tenant_of_page(request).user,
            )
        except DomainError as error:
            form.refuse(error)
        else:
            return _reveal(request, key, secret, is_rotated=True)
    return render(request, "apikeys/key_rotate.html", {"form": form, "key": key})


@form_page
@member_required(Permission.KEYS_WRITE, on=ApiKey)
def key_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then end a key for good."""
    key = _key(request, pk)
    if request.method == "POST":
        keys.revoke_key(key=key, at=timezone.now(), by=tenant_of_page(request).user)
        messages.success(request, f"{key.name} is revoked.")
        return redirect("apikeys:key-detail", pk=key.pk)
    return render(request, "apikeys/key_revoke.html", {"form": RevokeKeyForm(), "key": key})


@require_safe
@never_cache
@member_required(Permission.KEYS_READ, on=ApiKey)
def key_first_call(request: HttpRequest, pk: int) -> JsonResponse:
    """Say whether a call with the key was seen, after the moment the page was made if it names one."""
    activity = selectors.activity_of(_key(request, pk))
    after = request.GET.get("after", "")
    since = float(after) if after.isascii() and after.isdigit() and len(after) <= 12 else 0.0
    if activity is None or activity.last_used_at.timestamp() < since:
        return JsonResponse({"received": False, "at": None})
    at = activity.last_used_at if since else activity.first_used_at
    return JsonResponse({"received": True, "at": at.isoformat()})


def _key(request: HttpRequest, pk: int) -> ApiKey:
    return access.row_of(tenant_of_page(request), selectors.keys(), pk=pk)


def _reveal(
    request: HttpRequest, key: ApiKey, secret: str, *, is_rotated: bool = False
) -> HttpResponse:
    after = urlencode({"after": int(timezone.now().timestamp())})
    context = {
        "key": key,
        "secret": secret,
        "is_rotated": is_rotated,
        "snippets": selectors.example_calls(secret),
        "first_call_url": f"{reverse('apikeys:key-first-call', args=[key.pk])}?{after}",
    }
    return once.reveal(
        request,
        "apikeys/key_created.html",
        context,
        instead=reverse("apikeys:key-detail", args=[key.pk]),
        hint="The secret was shown that once: rotate this key if you did not keep it.",
    )
