"""The back office of what customers are owed: read-only."""

from django.contrib import admin

from config.common.admin import ReadOnlyAdmin
from webhooks.models import WebhookMessage


@admin.register(WebhookMessage)
class WebhookMessageAdmin(ReadOnlyAdmin):
    """Public events, as they are owed to customers."""

    list_display = ("message_id", "event_type", "organization", "occurred_at", "fanned_out_at")
    list_filter = ("event_type", ("fanned_out_at", admin.EmptyFieldListFilter))
    search_fields = ("message_id__exact", "=organization__id", "organization__name")
    search_help_text = "Message id, or the organization's id or name"
    list_select_related = ("organization",)
    date_hierarchy = "occurred_at"
    ordering = ("-id",)
