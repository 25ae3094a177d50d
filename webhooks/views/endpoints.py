"""Pages of endpoints: the list, one with its figures and log, creating, changing, rotating, switching, deleting."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from config.common import once
from config.common.errors import DomainError
from config.common.forms import form_page
from config.common.portal import filters_of, page_of
from organizations import access
from organizations.permissions import member_required, tenant_of_page
from webhooks import selectors
from webhooks.forms import CreateWebhookForm, EditWebhookForm, RotateSecretForm, TestEventForm
from webhooks.models import Status, Webhook
from webhooks.selectors import figures, lists, snippets
from webhooks.services import endpoints, testing
from webhooks.views.base import READ, WRITE, may_write, reveal, webhook_of

_HOURS = 24


@require_safe
@member_required(READ)
def webhook_list(request: HttpRequest) -> HttpResponse:
    """List the organization's endpoints with their last day, newest first."""
    tenant = tenant_of_page(request)
    query = filters_of(request, "q", "status")
    known = query["status"] in lists.STATUSES
    rows = lists.found(
        access.rows_of(tenant, selectors.webhooks()),
        q=query["q"],
        status=query["status"] if known else "",
    )
    page = page_of(request, rows, whose=tenant.organization, query=query, size=25)
    series = figures.by_hour(page.rows, at=timezone.now(), hours=_HOURS)
    for webhook in page.rows:
        webhook.buckets = series[webhook.pk]
    context = {
        "webhooks": page.rows,
        "page": page.urls(query),
        "query": query,
        "can_write": may_write(request),
    }
    return render(request, "webhooks/webhook_list.html", context)


@form_page
@member_required(WRITE)
@once.form
def webhook_create(request: HttpRequest) -> HttpResponse:
    """Add an endpoint and show its secret in the same answer."""
    tenant = tenant_of_page(request)
    form = CreateWebhookForm(request.POST or None)
    if form.is_valid():
        try:
            webhook, secret = endpoints.create_webhook(
                organization=tenant.organization, created_by=tenant.user, settings=form.settings()
            )
        except DomainError as error:
            form.refuse(error)
        else:
            return reveal(request, webhook, secret, is_new=True)
    return render(request, "webhooks/webhook_create.html", {"form": form})


@require_safe
@member_required(READ, on=Webhook)
def webhook_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how an endpoint fares, and its delivery log."""
    webhook, now = webhook_of(request, pk), timezone.now()
    since = now - timedelta(hours=_HOURS)
    query = filters_of(request, "status", "event_type")
    status = query["status"] if query["status"] in Status.values else ""
    rows = access.rows_of(tenant_of_page(request), selectors.deliveries().filter(webhook=webhook))
    page = page_of(
        request,
        lists.narrowed(rows, status=status, event_type=query["event_type"]),
        whose=webhook,
        query=query,
        size=25,
    )
    context = {
        "webhook": webhook,
        "now": now,
        "figures": selectors.statistics_of(webhook, since=since),
        "latency": figures.latency_of(webhook, since=since),
        "buckets": figures.by_hour([webhook], at=now, hours=_HOURS)[pk],
        "deliveries": page.rows,
        "page": page.urls(query),
        "query": query,
        "types": figures.recent_types(webhook),
        "is_circuit_open": webhook.circuit_open_until and webhook.circuit_open_until > now,
        "last_run": webhook.conformance_runs.order_by("-created_at", "-id").first(),
        "test_form": TestEventForm(),
        "can_write": may_write(request, webhook),
    }
    return render(request, "webhooks/webhook_detail.html", context)


@form_page
@member_required(WRITE, on=Webhook)
def webhook_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change an endpoint."""
    webhook = webhook_of(request, pk)
    form = EditWebhookForm(request.POST or None, webhook=webhook)
    if form.is_valid():
        try:
            endpoints.update_webhook(
                webhook=webhook, settings=form.changes(), by=tenant_of_page(request).user
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, "The changes are saved.")
            return redirect("webhooks:webhook-detail", pk=pk)
    return render(request, "webhooks/webhook_edit.html", {"form": form, "webhook": webhook})


@form_page
@member_required(WRITE, on=Webhook)
@once.form
def webhook_rotate(request: HttpRequest, pk: int) -> HttpResponse:
    """Give an endpoint a new secret and show it in the same answer."""
    webhook = webhook_of(request, pk)
    form = RotateSecretForm(request.POST or None)
    if form.is_valid():
        overlap_seconds = form.cleaned_data["overlap_seconds"]
        secret = endpoints.rotate_secret(
            webhook=webhook,
            at=timezone.now(),
            overlap_seconds=overlap_seconds,
            by=tenant_of_page(request).user,
        )
        return reveal(request, webhook, secret, is_new=False)
    return render(request, "webhooks/webhook_rotate.html", {"form": form, "webhook": webhook})


@form_page
@member_required(WRITE, on=Webhook)
def webhook_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then remove an endpoint for good."""
    webhook = webhook_of(request, pk)
    if request.method == "POST":
        endpoints.delete_webhook(webhook=webhook, by=tenant_of_page(request).user)
        messages.success(request, "The webhook is deleted.")
        return redirect("webhooks:webhook-list")
    return render(request, "webhooks/webhook_delete.html", {"webhook": webhook})


@require_POST
@member_required(WRITE, on=Webhook)
def webhook_switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Enable or disable an endpoint, as it is asked."""
    webhook, person = webhook_of(request, pk), tenant_of_page(request).user
    try:
        if request.POST.get("to") == "disabled":
            endpoints.disable_webhook(webhook=webhook, at=timezone.now(), by=person)
            messages.success(request, "The webhook is disabled. What waited for it is canceled.")
        else:
            endpoints.enable_webhook(webhook=webhook, by=person)
            messages.success(
                request, "The webhook is enabled. Send again what it missed, if you need it."
            )
    except DomainError as error:
        messages.error(request, error.told())
    return redirect("webhooks:webhook-detail", pk=pk)


@require_POST
@member_required(WRITE, on=Webhook)
def webhook_test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a test event and go to its delivery."""
    webhook = webhook_of(request, pk)
    form = TestEventForm(request.POST)
    try:
        event_type = form.cleaned_data["event_type"] if form.is_valid() else ""
        delivery = testing.send_test(
            webhook=webhook,
            at=timezone.now(),
            event_type=event_type,
            by=tenant_of_page(request).user,
        )
    except DomainError as error:
        messages.error(request, error.told())
        return redirect("webhooks:webhook-detail", pk=pk)
    return redirect("webhooks:delivery-detail", pk=pk, delivery_pk=delivery.pk)


@require_safe
@member_required(READ, on=Webhook)
def webhook_verify(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how a receiver verifies what this endpoint is sent."""
    webhook = webhook_of(request, pk)
    context = {
        "webhook": webhook,
        "snippets": snippets.verification(webhook.signature),
        "public_keys": [
            {"anchor": f"key-{number}", "public_key": public_key}
            for number, public_key in enumerate(selectors.public_keys_of(webhook))
        ],
    }
    return render(request, "webhooks/webhook_verify.html", context)
