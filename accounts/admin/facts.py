"""What the back office only looks at: sessions, devices, factors, exports, changes of address, notices."""

from django.contrib import admin

from accounts.models import (
    DataExport,
    Device,
    EmailChange,
    Notice,
    Passkey,
    Session,
    TotpDevice,
)
from config.common.admin import ReadOnlyAdmin
from config.common.admin_filters import NamedValues, called, switch


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Where people are, and were, signed in."""

    list_display = (
        "id",
        "user",
        "kind",
        "method",
        "second_factor_at",
        "ip",
        "last_used_at",
        "expires_at",
        "ended_at",
        "ended_reason",
    )
    list_filter = (
        "kind",
        "method",
        ("ended_reason", called("reason of ending", kind=NamedValues)),
        ("ended_at", called("state", yes="Ended", no="Open")),
    )
    search_fields = ("user__email", "ip")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    ordering = ("-id",)
    exclude = ("refresh_digest",)


@admin.register(DataExport)
class DataExportAdmin(ReadOnlyAdmin):
    """Copies of their data that people asked for. The files are theirs alone."""

    list_display = (
        "id",
        "user",
        "status",
        "progress",
        "attempts",
        "size_bytes",
        "expires_at",
        "created_at",
    )
    list_filter = ("status",)
    search_fields = ("user__email",)
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    ordering = ("-id",)
    exclude = ("file",)


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """What people were told in the portal, and whether they have read it."""

    list_display = ("id", "user", "kind", "title", "created_at", "read_at")
    list_filter = (("kind", NamedValues), ("read_at", called("state", yes="Read", no="Unread")))
    search_fields = ("user__email", "title")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    ordering = ("-id",)


@admin.register(EmailChange)
class EmailChangeAdmin(ReadOnlyAdmin):
    """Wishes to use another address, and which of the two addresses have agreed."""

    list_display = (
        "id",
        "user",
        "old_email",
        "new_email",
        "old_confirmed_at",
        "new_confirmed_at",
        "completed_at",
        "canceled_at",
        "created_at",
    )
    list_filter = (
        ("completed_at", called("completion", yes="Completed", no="Not completed")),
        ("canceled_at", called("cancellation", yes="Canceled", no="Not canceled")),
    )
    search_fields = ("old_email", "new_email")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    ordering = ("-id",)


@admin.register(Passkey)
class PasskeyAdmin(ReadOnlyAdmin):
    """Passkeys that people sign in with. Whoever lost theirs has their second factors reset on their own page."""

    list_display = ("id", "user", "name", "is_synced", "sign_count", "last_used_at", "created_at")
    list_filter = (
        ("is_synced", switch("place", yes="Synced to other devices", no="On one device only")),
        ("last_used_at", called("use", yes="Used", no="Never used")),
    )
    search_fields = ("user__email", "name")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    ordering = ("-id",)
    exclude = ("credential_id", "public_key")


@admin.register(Device)
class DeviceAdmin(ReadOnlyAdmin):
    """Browsers and clients in which people have signed in, and which of them they trust."""

    list_display = ("id", "user", "ip", "trusted_until", "last_used_at", "created_at")
    list_filter = (
        ("trusted_until", called("trust", yes="Trusted for a time", no="Never trusted")),
    )
    search_fields = ("user__email", "ip")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    ordering = ("-id",)
    exclude = ("digest",)


@admin.register(TotpDevice)
class TotpDeviceAdmin(ReadOnlyAdmin):
    """Authenticator apps. Nobody sees a seed again; the people's page resets a second factor that is lost."""

    list_display = (
        "id",
        "user",
        "confirmed",
        "throttling_failure_count",
        "last_used_at",
        "created_at",
    )
    list_filter = (("confirmed", switch("state", yes="Set up", no="Being set up")),)
    search_fields = ("user__email",)
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    ordering = ("-id",)
    exclude = ("seed_encrypted", "last_step")
