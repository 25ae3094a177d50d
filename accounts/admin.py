"""The back office's view of people, their sessions and their mail. Every change goes through a service."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import services
from accounts.forms import ProfileForm
from accounts.models import (
    DataExport,
    Device,
    EmailChange,
    Notice,
    Passkey,
    PlatformRole,
    Session,
    TotpDevice,
    User,
)
from accounts.roles import PlatformPermission
from config.common import mail
from config.common.admin import DomainAdmin, ReadOnlyAdmin
from config.common.errors import DomainError
from config.common.models import OutgoingMail
from config.templatetags.ui import pill


class ReasonForm(ActionForm):
    """Asks for the reason beside the choice of the action."""

    reason = forms.CharField(required=False, max_length=300)


@admin.register(User)
class UserAdmin(admin.ModelAdmin[User]):
    """People. What a service owns is read-only here; actions call the services."""

    list_display = (
        "email",
        "full_name",
        "role",
        "status",
        "is_verified",
        "last_login",
        "created_at",
    )
    list_filter = ("role", "status", ("email_verified_at", admin.EmptyFieldListFilter))
    search_fields = ("email", "full_name")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    readonly_fields = (
        "email",
        "metadata",
        "role",
        "status",
        "suspended_reason",
        "email_verified_at",
        "deletion_requested_at",
        "deletion_due_at",
        "last_login",
        "last_login_ip",
        "last_login_user_agent",
        "login_count",
        "created_at",
        "updated_at",
    )
    fieldsets = (
        (None, {"fields": ("email", "full_name", "time_zone", "metadata")}),
        ("Standing", {"fields": ("role", "status", "suspended_reason", "email_verified_at")}),
        (
            "Sign-in",
            {"fields": ("last_login", "last_login_ip", "last_login_user_agent", "login_count")},
        ),
        ("Farewell", {"fields": ("deletion_requested_at", "deletion_due_at")}),
        ("Times", {"fields": ("created_at", "updated_at")}),
    )
    form = ProfileForm
    actions = (
        "suspend",
        "reinstate",
        "verify_email",
        "reset_password",
        "keep_account",
        "end_sessions",
        "reset_two_factor",
    )
    action_form = ReasonForm

    @admin.display(boolean=True, description="verified", ordering="email_verified_at")
    def is_verified(self, user: User) -> bool:
        """Show whether the address is proved."""
        return user.is_verified_email

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People register; a super admin is made by the command `create_admin`."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """People are suspended or close their account; their traces stay."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Staff changes anybody but those above them."""
        is_below = obj is None or _may_touch(request, obj)
        return is_below and super().has_change_permission(request, obj)

    def has_suspend_permission(self, request: HttpRequest) -> bool:
        """Whether the person may stop accounts and end sessions."""
        return isinstance(request.user, User) and request.user.may(PlatformPermission.USERS_SUSPEND)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Change the profile through its service."""
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        services.profile.update_profile(user=obj, changes=changes)

    @admin.action(description="Suspend (needs a reason)", permissions=["suspend"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Stop accounts: sessions end at once, keys within two seconds."""
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(request, "Give a reason beside the action.", messages.ERROR)
            return
        self._each(
            request, queryset, lambda user: services.suspension.suspend(user=user, reason=reason)
        )

    @admin.action(description="Reinstate", permissions=["suspend"])
    def reinstate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Let suspended accounts in again."""
        self._each(request, queryset, lambda user: services.suspension.reinstate(user=user))

    @admin.action(description="Take the address as verified", permissions=["change"])
    def verify_email(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Vouch for addresses."""
        now = timezone.now()
        self._each(
            request, queryset, lambda user: services.registration.confirm_email(user=user, at=now)
        )

    @admin.action(description="Mail a link to a new password", permissions=["change"])
    def reset_password(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Mail what people can ask for themselves; a second factor stays as it is."""
        now = timezone.now()
        self._each(
            request,
            queryset,
            lambda user: services.passwords.request_reset(email=user.email, at=now),
        )

    @admin.action(description="Cancel the requested deletion", permissions=["change"])
    def keep_account(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Keep accounts that were to be deleted."""
        self._each(request, queryset, lambda user: services.deletions.cancel(user=user))

    @admin.action(description="End all sessions", permissions=["suspend"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Sign people out everywhere."""
        self._each(
            request,
            queryset,
            lambda user: services.sessions.end_all(user=user, reason="ended_by_staff"),
        )

    @admin.action(description="Reset second factor (needs a reason)", permissions=["suspend"])
    def reset_two_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Take every second factor from people who lost theirs; they sign in with the password and set one up anew."""
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(request, "Give a reason beside the action.", messages.ERROR)
            return
        self._each(
            request, queryset, lambda user: services.two_factor.reset(user=user, reason=reason)
        )

    def _each(
        self, request: HttpRequest, users: QuerySet[User], act: Callable[[User], object]
    ) -> None:
        done = 0
        for user in users:
            if not _may_touch(request, user):
                self.message_user(request, f"{user.email}: above your role.", messages.ERROR)
                continue
            try:
                act(user)
            except DomainError as error:
                self.message_user(request, f"{user.email}: {error.detail}", messages.ERROR)
            else:
                done += 1
        if done:
            self.message_user(request, f"Done for {done} of the people chosen.", messages.SUCCESS)


def _may_touch(request: HttpRequest, user: User) -> bool:
    """Whether the person is not above whoever asks: only a super admin touches a super admin."""
    return user.role != PlatformRole.SUPER_ADMIN or bool(
        getattr(request.user, "is_superuser", False)
    )


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
    list_filter = ("kind", "method", "ended_reason", ("ended_at", admin.EmptyFieldListFilter))
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
    list_filter = ("kind", ("read_at", admin.EmptyFieldListFilter))
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
        ("completed_at", admin.EmptyFieldListFilter),
        ("canceled_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("old_email", "new_email")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    ordering = ("-id",)


@admin.register(Passkey)
class PasskeyAdmin(ReadOnlyAdmin):
    """Passkeys that people sign in with. Whoever lost theirs has their second factors reset on their own page."""

    list_display = ("id", "user", "name", "is_synced", "sign_count", "last_used_at", "created_at")
    list_filter = ("is_synced", ("last_used_at", admin.EmptyFieldListFilter))
    search_fields = ("user__email", "name")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    ordering = ("-id",)
    exclude = ("credential_id", "public_key")


@admin.register(Device)
class DeviceAdmin(ReadOnlyAdmin):
    """Browsers and clients in which people have signed in, and which of them they trust."""

    list_display = ("id", "user", "ip", "trusted_until", "last_used_at", "created_at")
    list_filter = (("trusted_until", admin.EmptyFieldListFilter),)
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
    list_filter = ("confirmed",)
    search_fields = ("user__email",)
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    ordering = ("-id",)
    exclude = ("seed_encrypted", "last_step")


@admin.register(OutgoingMail)
class OutgoingMailAdmin(ReadOnlyAdmin, DomainAdmin):
    """What was mailed to whom, and whether it went out. The bodies hold links and are not shown."""

    list_display = (
        "id",
        "kind",
        "recipient",
        "subject",
        "standing",
        "attempts",
        "last_error",
        "created_at",
    )
    list_filter = (
        "kind",
        ("sent_at", admin.EmptyFieldListFilter),
        ("failed_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("recipient", "subject")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    exclude = ("body_encrypted",)
    actions = ("send_again",)

    @admin.display(description="standing", ordering="sent_at")
    def standing(self, owed: OutgoingMail) -> str:
        """Show whether the message is sent, waits, or was given up."""
        if owed.failed_at is not None:
            return pill("failed")
        return pill("sent" if owed.sent_at is not None else "waiting")

    def has_send_again_permission(self, request: HttpRequest) -> bool:
        """Whoever looks after people may owe them a message again."""
        return isinstance(request.user, User) and request.user.may(PlatformPermission.USERS_WRITE)

    @admin.action(description="Send again what was given up", permissions=["send_again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[OutgoingMail]) -> None:
        """Owe messages once more that the mail server had refused for good, or for too long."""
        now = timezone.now()
        self.each(
            request, queryset, lambda owed: mail.send_again(mail_id=owed.pk, at=now), "To be sent"
        )
