"""The back office of webhooks: endpoints, what they are owed, and the console of what is stuck. Changes go through services."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from config.common.admin import DomainAdmin, ReadOnlyAdmin, ReasonForm
from config.common.admin_filters import NamedValues, among, called, words_of
from config.templatetags.ui import pill
from webhooks import catalogue, selectors
from webhooks.models import (
    ConformanceRun,
    FeedPosition,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookMessage,
)
from webhooks.selectors import console, lists
from webhooks.services import endpoints, oversight, resending

_CONSOLE_ROWS = 50


class StateFilter(admin.SimpleListFilter):
    """Filters endpoints by the state that their time stamps amount to."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Offer the states, and the open circuit."""
        states = [(status, status.capitalize()) for status in lists.STATUSES]
        return [*states, ("circuit", "Circuit open")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the endpoints in the chosen state."""
        chosen = self.value()
        if chosen == "circuit":
            return queryset.filter(circuit_open_until__gt=timezone.now())
        return lists.with_status(queryset, chosen) if chosen else queryset


@admin.register(Webhook)
class WebhookAdmin(DomainAdmin):
    """Customers' endpoints: found by address or owner, stopped when they must be."""

    audited_as = "webhook"
    list_display = (
        "url",
        "organization",
        "state",
        "kind",
        "failing_since",
        "failures_in_a_row",
        "circuit_open_until",
        "last_success_at",
        "created_at",
    )
    list_filter = (
        StateFilter,
        "kind",
        "signature",
        ("disabled_reason", called("standing", kind=admin.ChoicesFieldListFilter)),
    )
    search_fields = ("=id", "url", "description", "=organization__id", "organization__name")
    search_help_text = "Id, URL, description, or the organization's id or name"
    list_select_related = ("organization",)
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    exclude = ("headers_encrypted",)
    actions = ("force_disable", "enable", "try_now", "recover_day")
    action_form = ReasonForm
    change_list_template = "admin/webhooks/webhook/change_list.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Show everything but values of headers; changes are the organization's own, or one of the actions."""
        names = [field.name for field in Webhook._meta.fields]  # noqa: SLF001  Django's own name
        return [name for name in names if name not in self.exclude]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Customers add their endpoints themselves."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Endpoints are switched off, not deleted: their log may be needed."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Add the console."""
        view = self.admin_site.admin_view
        ours = [
            path("console/", view(self.console), name="webhooks_console"),
            path("console/wake/", view(self.wake), name="webhooks_wake"),
        ]
        return [*ours, *super().get_urls()]

    @admin.display(description="state")
    def state(self, webhook: Webhook) -> SafeString:
        """Return the state as a pill."""
        return pill(webhook.status)

    @admin.action(description="Switch off (needs a reason)", permissions=["change"])
    def force_disable(self, request: HttpRequest, rows: QuerySet[Webhook]) -> None:
        """Stop endpoints until staff lets them go on; their owners read why."""
        note = self.reason(request)
        if not note:
            return
        at = timezone.now()
        self.each(
            request,
            rows,
            lambda webhook: oversight.force_disable(webhook=webhook, note=note, at=at),
            "Switched off",
        )

    @admin.action(description="Switch on", permissions=["change"])
    def enable(self, request: HttpRequest, rows: QuerySet[Webhook]) -> None:
        """Let endpoints go on, those that staff switched off among them."""
        self.each(
            request,
            rows,
            lambda webhook: endpoints.enable_webhook(webhook=webhook, is_staff=True),
            "Switched on",
        )

    @admin.action(description="Close the circuit and try at once", permissions=["change"])
    def try_now(self, request: HttpRequest, rows: QuerySet[Webhook]) -> None:
        """Try endpoints that are left alone for a while."""
        self.each(request, rows, lambda webhook: oversight.try_now(webhook=webhook), "Tried")

    @admin.action(description="Send again what failed in the last 24 hours", permissions=["change"])
    def recover_day(self, request: HttpRequest, rows: QuerySet[Webhook]) -> None:
        """Recover the last day."""
        at = timezone.now()
        since = at - timedelta(days=1)
        self.each(
            request,
            rows,
            lambda webhook: resending.recover(webhook=webhook, since=since, at=at),
            "Recovered",
        )

    def console(self, request: HttpRequest) -> HttpResponse:
        """Show what is stuck, whose circuit is open and what was blocked."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Webhook console",
            "queue": selectors.queue_state(at=now),
            "stuck": console.stuck(at=now)[:_CONSOLE_ROWS],
            "circuits": console.open_circuits(at=now)[:_CONSOLE_ROWS],
            "blocked": console.blocked(since=now - timedelta(days=7)),
            "can_change": self.has_change_permission(request),
        }
        return render(request, "admin/webhooks/webhook/console.html", context)

    def wake(self, request: HttpRequest) -> HttpResponse:
        """Ring the doorbell of those who send."""
        if request.method != "POST" or not self.has_change_permission(request):
            raise PermissionDenied
        oversight.wake()
        self.message_user(request, "Those who send have been called.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:webhooks_console"))


class StuckFilter(admin.SimpleListFilter):
    """Finds deliveries that should have been sent minutes ago."""

    title = "queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Offer what is stuck."""
        return [("stuck", "Stuck")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what is stuck, when that is chosen."""
        if self.value() != "stuck":
            return queryset
        return queryset.filter(pk__in=console.stuck(at=timezone.now()).order_by().values("pk"))


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """Messages to endpoints and where each stands."""

    list_display = (
        "id",
        "event_type",
        "status",
        "last_status_code",
        "attempts",
        "next_attempt_at",
        "webhook",
        "organization",
        "last_outcome",
        "trigger",
        "created_at",
    )
    list_filter = (StuckFilter, "status", "last_outcome", "trigger")
    search_fields = (
        "=id",
        "message__message_id__exact",
        "=webhook__id",
        "=organization__id",
        "organization__name",
    )
    search_help_text = "Id, message id, webhook id, or the organization's id or name"
    list_select_related = ("message", "webhook", "organization")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    show_full_result_count = False
    actions = ("resend",)

    @admin.display(description="event")
    def event_type(self, delivery: WebhookDelivery) -> str:
        """Return what the message tells of."""
        return delivery.message.event_type

    def has_resend_permission(self, request: HttpRequest) -> bool:
        """Whether the person may have deliveries sent again: who may change them, though nobody edits one."""
        allowed: bool = request.user.has_perm("webhooks.change_webhookdelivery")
        return allowed

    @admin.action(description="Send again", permissions=["resend"])
    def resend(self, request: HttpRequest, rows: QuerySet[WebhookDelivery]) -> None:
        """Send messages again, under the same ids."""
        at = timezone.now()
        self.each(
            request,
            rows,
            lambda delivery: resending.resend(delivery=delivery, at=at),
            "Sent again",
        )


@admin.register(WebhookAttempt)
class WebhookAttemptAdmin(ReadOnlyAdmin):
    """Each POST and what came of it."""

    list_display = ("at", "outcome", "status_code", "duration_ms", "number", "trigger", "webhook")
    list_filter = ("outcome", "trigger")
    search_fields = ("=delivery__id", "=webhook__id", "url")
    search_help_text = "Delivery id, webhook id, or URL"
    list_select_related = ("webhook",)
    date_hierarchy = "at"
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(WebhookMessage)
class WebhookMessageAdmin(ReadOnlyAdmin):
    """Public events, as they are owed to customers."""

    list_display = ("message_id", "event_type", "organization", "occurred_at", "fanned_out_at")
    list_filter = (
        among(
            "event type",
            "event_type",
            lambda: [(name, words_of(name)) for name in catalogue.type_names()],
        ),
        ("fanned_out_at", called("state", yes="Given to endpoints", no="Waiting")),
    )
    search_fields = ("message_id__exact", "=organization__id", "organization__name")
    search_help_text = "Message id, or the organization's id or name"
    list_select_related = ("organization",)
    date_hierarchy = "occurred_at"
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(ConformanceRun)
class ConformanceRunAdmin(ReadOnlyAdmin):
    """How customers' servers did."""

    list_display = ("id", "webhook", "organization", "status", "grade", "score", "created_at")
    list_filter = ("status", ("grade", NamedValues))
    search_fields = ("=id", "=webhook__id", "url", "organization__name")
    list_select_related = ("webhook", "organization")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")


@admin.register(FeedPosition)
class FeedPositionAdmin(ReadOnlyAdmin):
    """How far those are who poll."""

    list_display = ("organization", "consumer", "position", "acknowledged_at")
    search_fields = ("=organization__id", "organization__name", "consumer")
    list_select_related = ("organization",)
    ordering = ("-acknowledged_at",)
