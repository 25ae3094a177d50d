"""The back office of the log: read-only; security events are acknowledged."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from accounts.permissions import staff_of
from audit import selectors, vocabulary
from audit.models import AuditLog, AuditSeal, SecurityEvent
from audit.services import copies, security
from config.common.admin import ReadOnlyAdmin
from config.common.admin_filters import among, called, words_of
from config.common.events import catalogue
from config.common.exports import Format
from config.templatetags.ui import ago, pill


@admin.register(AuditLog)
class AuditLogAdmin(ReadOnlyAdmin):
    """Who did what to what, from where, in which request."""

    list_display = (
        "occurred_at",
        "event",
        "summary",
        "actor",
        "organization_id",
        "target",
        "ip",
        "request_id",
    )
    list_filter = (
        among("event", "event", lambda: [(one.name, words_of(one.name)) for one in catalogue()]),
        among(
            "actor",
            "actor_type",
            lambda: [(kind, words_of(kind)) for kind in selectors.ACTORS],
            parameter="actor",
        ),
        ("occurred_at", called("time", kind=admin.DateFieldListFilter)),
    )
    search_fields = ("request_id",)
    search_help_text = (
        "A request id, a person's e-mail, an organization's id, or a target such as api_key:42"
    )
    ordering = ("-occurred_at", "-id")
    show_full_result_count = False
    exclude = ("previous_hash", "hash", "old_values", "new_values")
    readonly_fields = ("changes", "hash_shown")
    actions = ("export_csv", "export_jsonl")

    @admin.display(description="actor")
    def actor(self, entry: AuditLog) -> str:
        """Show who acted: a person's address, else what kind of actor it was."""
        return f"{entry.actor_type} {entry.actor_label or entry.actor_id or ''}".strip()

    @admin.display(description="target")
    def target(self, entry: AuditLog) -> str:
        """Show what it happened to."""
        return f"{entry.target_type}:{entry.target_id}" if entry.target_type else ""

    @admin.display(description="changes")
    def changes(self, entry: AuditLog) -> str:
        """Show each changed column, before and after."""
        old, new = entry.old_values or {}, entry.new_values or {}
        rows = ((name, old.get(name), new.get(name)) for name in dict.fromkeys([*old, *new]))
        return format_html_join("", "<div><code>{}</code>: {} → {}</div>", rows) or "-"

    @admin.action(description="Export as CSV", permissions=["view"])
    def export_csv(
        self, request: HttpRequest, queryset: QuerySet[AuditLog]
    ) -> StreamingHttpResponse:
        """Send the chosen entries as CSV."""
        return self._export(queryset, Format.CSV)

    @admin.action(description="Export as JSON Lines", permissions=["view"])
    def export_jsonl(
        self, request: HttpRequest, queryset: QuerySet[AuditLog]
    ) -> StreamingHttpResponse:
        """Send the chosen entries as JSON Lines."""
        return self._export(queryset, Format.JSONL)

    def _export(self, queryset: QuerySet[AuditLog], file_format: Format) -> StreamingHttpResponse:
        return StreamingHttpResponse(
            copies.export_for_staff(entries=queryset, file_format=file_format),
            content_type=file_format.content_type,
            headers=file_format.headers("audit-log"),
        )

    @admin.display(description="hash")
    def hash_shown(self, entry: AuditLog) -> str:
        """Show the entry's place in its chain."""
        return bytes(entry.hash).hex()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by what support has in hand, each through its own index."""
        return selectors.searched(queryset, search_term.strip()), False


class NoteForm(ActionForm):
    """Asks beside the choice of the action what was found out."""

    note = forms.CharField(required=False, max_length=300)


@admin.register(SecurityEvent)
class SecurityEventAdmin(ReadOnlyAdmin):
    """What concerns security. Acknowledging one says that somebody has looked at it."""

    audited_as = "security_event"
    list_display = (
        "created_at",
        "severity_pill",
        "kind",
        "count",
        "user_id",
        "organization_id",
        "ip",
        "request_id",
        "standing",
    )
    list_filter = (
        "severity",
        among("kind", "name", lambda: [(one.name, one.title) for one in vocabulary.TERMS.values()]),
        ("acknowledged_at", called("state", yes="Acknowledged", no="Open")),
        ("organization_id", called("organization", yes="Of an organization", no="Of none")),
    )
    search_fields = ("request_id__exact", "=user_id", "=organization_id", "ip")
    search_help_text = "A request id, an address, or the id of a person or an organization"
    date_hierarchy = "created_at"
    ordering = ("-id",)
    exclude = ("fold",)
    readonly_fields = ("meaning",)
    actions = ("acknowledge",)
    action_form = NoteForm

    @admin.display(description="severity", ordering="severity")
    def severity_pill(self, event: SecurityEvent) -> str:
        """Show how soon to look, in its color."""
        return pill(event.severity)

    @admin.display(description="kind", ordering="name")
    def kind(self, event: SecurityEvent) -> str:
        """Show the name and what it means."""
        return format_html(
            '<span title="{}">{}</span> <code>{}</code>', event.meaning, event.title, event.name
        )

    @admin.display(description="acknowledged", ordering="acknowledged_at")
    def standing(self, event: SecurityEvent) -> str:
        """Show since when somebody knows."""
        if event.acknowledged_at is None:
            return pill("open")
        note = event.acknowledged_note
        return format_html('<span title="{}">{}</span>', note, ago(event.acknowledged_at))

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        """Whoever may see security events may say that they have seen them."""
        return self.has_view_permission(request)

    @admin.action(description="Acknowledge (with a note)", permissions=["acknowledge"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[SecurityEvent]) -> None:
        """Say that somebody has looked at the events."""
        by, at = staff_of(request), timezone.now()
        note = request.POST.get("note", "").replace("\x00", "").strip()[:300]
        self.each(
            request,
            queryset,
            lambda event: security.acknowledge(security_event=event, by=by, at=at, note=note),
            "Acknowledged",
        )


@admin.register(AuditSeal)
class AuditSealAdmin(ReadOnlyAdmin):
    """Where each chain of the log stood, signed."""

    list_display = ("sealed_at", "chain", "sequence", "kind", "key_id")
    list_filter = ("kind", "key_id")
    search_fields = ("=chain",)
    search_help_text = "An organization's id; 0 is the platform's own chain"
    ordering = ("-id",)
    show_full_result_count = False
    fields = ("chain", "sequence", "hash_shown", "kind", "sealed_at", "key_id", "signature_shown")
    readonly_fields = ("hash_shown", "signature_shown")

    @admin.display(description="hash")
    def hash_shown(self, seal: AuditSeal) -> str:
        """Show the hash that stood at the place."""
        return bytes(seal.hash).hex()

    @admin.display(description="signature")
    def signature_shown(self, seal: AuditSeal) -> str:
        """Show the signature."""
        return bytes(seal.signature).hex()
