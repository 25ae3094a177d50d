"""Pages of deliveries: one with its attempts, sending again, and why an event did not come."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from config.common import polling
from config.common.errors import DomainError
from config.common.forms import form_page
from config.common.portal import filters_of
from organizations import access
from organizations.permissions import member_required, tenant_of_page
from webhooks import presets, selectors
from webhooks.forms import PeriodForm, WhyForm
from webhooks.models import Webhook, WebhookAttempt, WebhookDelivery
from webhooks.selectors import lists
from webhooks.services import resending
from webhooks.views.base import READ, WRITE, may_write, webhook_of

_ATTEMPTS = 20
_RECENT = 20


@require_safe
@member_required(READ, on=Webhook)
def delivery_detail(request: HttpRequest, pk: int, delivery_pk: int) -> HttpResponse:
    """Show one delivery: what is sent, each attempt with its answer, and when the next one is made."""
    delivery, now = _delivery(request, pk, delivery_pk), timezone.now()
    is_under_way = delivery.leased_until is not None and delivery.leased_until > now
    context = {
        "webhook": delivery.webhook,
        "delivery": delivery,
        "body": presets.transformed(delivery.webhook.kind, delivery.message.payload),
        "attempts": [_shown(row, delivery) for row in selectors.attempts_of(delivery)[:_ATTEMPTS]],
        "told": selectors.explain(delivery.webhook, delivery.message),
        "is_under_way": is_under_way,
        "poll_seconds": polling.interval(now if is_under_way else delivery.next_attempt_at, at=now),
        "can_write": may_write(request, delivery.webhook),
    }
    return render(request, "webhooks/delivery_detail.html", context)


@require_POST
@member_required(WRITE, on=Webhook)
def delivery_resend(request: HttpRequest, pk: int, delivery_pk: int) -> HttpResponse:
    """Send one message again."""
    delivery = _delivery(request, pk, delivery_pk)
    try:
        resending.resend(delivery=delivery, at=timezone.now(), by=tenant_of_page(request).user)
    except DomainError as error:
        messages.error(request, error.told())
    else:
        messages.success(request, "The event is being sent again, under the same id.")
    return redirect("webhooks:delivery-detail", pk=pk, delivery_pk=delivery_pk)


@form_page
@member_required(WRITE, on=Webhook)
def send_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Send again what failed, or what is missing, of a time."""
    webhook = webhook_of(request, pk)
    form = PeriodForm(request.POST or None)
    if form.is_valid():
        period = {name: form.cleaned_data[name] for name in ("since", "until")}
        is_replay = form.cleaned_data["what"] == PeriodForm.REPLAY
        verb = resending.replay_missing if is_replay else resending.recover
        try:
            count = verb(
                webhook=webhook, at=timezone.now(), by=tenant_of_page(request).user, **period
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _sent(count))
            return redirect("webhooks:webhook-detail", pk=pk)
    return render(request, "webhooks/send_again.html", {"form": form, "webhook": webhook})


@require_safe
@member_required(READ, on=Webhook)
def why(request: HttpRequest, pk: int) -> HttpResponse:
    """Say why an endpoint did not get an event."""
    webhook, tenant = webhook_of(request, pk), tenant_of_page(request)
    rows = lists.latest_first(access.rows_of(tenant, selectors.messages()))
    if not tenant.may(READ):
        # A permission on one endpoint opens what concerns it, not all that happens in the organization.
        rows = lists.concerning(rows, webhook)
    asked = filters_of(request, "message", most=40)["message"]
    message = told = delivery = None
    if asked:
        message = rows.filter(message_id=asked).first()
    if message is not None:
        told = selectors.explain(webhook, message)
        delivery = webhook.deliveries.filter(message=message).first()
    context = {
        "webhook": webhook,
        "form": WhyForm({"message": asked} if asked else None),
        "asked": asked,
        "message": message,
        "told": told,
        "delivery": delivery,
        "recent": rows.defer("payload", "passed_over")[:_RECENT],
        "can_write": may_write(request, webhook),
    }
    return render(request, "webhooks/why.html", context)


def _sent(count: int) -> str:
    if not count:
        return "There was nothing to send."
    return "1 event is being sent." if count == 1 else f"{count:,} events are being sent."


def _delivery(request: HttpRequest, pk: int, delivery_pk: int) -> WebhookDelivery:
    of_one = selectors.deliveries().filter(webhook_id=pk)
    return access.row_of(tenant_of_page(request), of_one, pk=delivery_pk)


def _shown(attempt: WebhookAttempt, delivery: WebhookDelivery) -> dict[str, object]:
    attempt.delivery, attempt.webhook = delivery, delivery.webhook
    return {
        "attempt": attempt,
        "request_headers": selectors.request_headers_of(attempt),
        "answer_id": f"answer-{attempt.number}",
    }
