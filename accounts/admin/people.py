"""The back office's view of people. Every change goes through a service."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import selectors, services
from accounts.forms import ProfileForm
from accounts.models import User, UserStatus
from accounts.permissions import staff_of
from accounts.roles import PlatformPermission
from config.common.admin import DomainAdmin, ReasonForm
from config.common.admin_filters import called
from config.common.forms import RATE, require_whole_rate


class SuspensionForm(ReasonForm):
    """Asks, too, for how long."""

    days = forms.IntegerField(
        required=False, min_value=1, max_value=3650, label="Days (suspension)"
    )


class PersonForm(ProfileForm):
    """Asks, too, for a rate of the person's own at Tollgate's API; it is given whole or not at all."""

    class Meta:
        model = User
        fields = ("full_name", "time_zone", *RATE)

    def clean(self) -> dict[str, Any]:
        """Refuse a part of a rate."""
        data = super().clean() or {}
        require_whole_rate(data)
        return data


class MailboxFilter(admin.SimpleListFilter):
    """Finds accounts that nobody signs in to: another one has their mailbox's address in the one spelling."""

    title = "mailbox"
    parameter_name = "mailbox"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the one choice."""
        return [("shared", "Another account has its address")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        """Keep those accounts."""
        if self.value() != "shared":
            return queryset
        return queryset.filter(pk__in=[user.pk for user, _ in selectors.sharing_mailboxes()])


@admin.register(User)
class UserAdmin(DomainAdmin):
    """People. What a service owns is read-only here; actions call the services."""

    audited_as = "user"
    list_display = (
        "email",
        "full_name",
        "role",
        "status",
        "is_verified",
        "last_login",
        "created_at",
    )
    list_filter = (
        "role",
        "status",
        ("email_verified_at", called("address", yes="Verified", no="Not verified")),
        MailboxFilter,
    )
    search_fields = ("email", "full_name")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    readonly_fields = (
        "email",
        "metadata",
        "role",
        "status",
        "suspended_reason",
        "suspended_until",
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
        (
            "Standing",
            {
                "fields": (
                    "role",
                    "status",
                    "suspended_reason",
                    "suspended_until",
                    "email_verified_at",
                )
            },
        ),
        (
            "Sign-in",
            {"fields": ("last_login", "last_login_ip", "last_login_user_agent", "login_count")},
        ),
        ("Rate at the API, instead of everybody's", {"fields": RATE}),
        ("Farewell", {"fields": ("deletion_requested_at", "deletion_due_at")}),
        ("Times", {"fields": ("created_at", "updated_at")}),
    )
    form = PersonForm
    actions = (
        "suspend",
        "reinstate",
        "verify_email",
        "reset_password",
        "keep_account",
        "end_sessions",
        "reset_two_factor",
    )
    action_form = SuspensionForm

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
        """Staff changes anybody but those above them, and those who are gone."""
        is_open = obj is None or (_may_touch(request, obj) and obj.status != UserStatus.DELETED)
        return is_open and super().has_change_permission(request, obj)

    def has_suspend_permission(self, request: HttpRequest) -> bool:
        """Whether the person may stop accounts and end sessions."""
        return isinstance(request.user, User) and request.user.may(PlatformPermission.USERS_SUSPEND)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Change the profile through its service."""
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        services.staff.update_user(
            user=obj, changes=changes, by=staff_of(request), at=timezone.now()
        )

    @admin.action(description="Suspend (needs a reason)", permissions=["suspend"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Stop accounts: sessions end at once, keys within two seconds."""
        reason = self.reason(request)
        if not reason:
            return
        # Django has found the action's form valid by now.
        now = timezone.now()
        days = SuspensionForm.base_fields["days"].clean(request.POST.get("days"))
        until = now + timedelta(days=days) if days else None
        self._each(
            request,
            queryset,
            lambda user: services.suspension.suspend(
                user=user, reason=reason, until=until, by=staff_of(request), at=now
            ),
        )

    @admin.action(description="Reinstate", permissions=["suspend"])
    def reinstate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Let suspended accounts in again."""
        self._each(request, queryset, lambda user: services.suspension.reinstate(user=user))

    @admin.action(description="Take the address as verified", permissions=["change"])
    def verify_email(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Vouch for addresses."""
        by, now = staff_of(request), timezone.now()
        self._each(
            request,
            queryset,
            lambda user: services.staff.update_user(
                user=user, changes={"email_verified": True}, by=by, at=now
            ),
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
    def reset_two_factor(
        self, request: HttpRequest, queryset: QuerySet[User]
    ) -> HttpResponse | None:
        """Ask, then take every second factor from people who lost theirs; they sign in with the password and set one up anew."""
        reason = self.reason(request)
        if not reason:
            return None
        follows = (
            "Their authenticator apps, passkeys and recovery codes are gone, their sessions end, "
            "and until they set up another the password alone lets them in. Be sure that you know "
            f"who asks. Your reason: {reason}"
        )
        named = [user for user in queryset if _may_touch(request, user)]
        question = named and self.question(
            request, named, verb="Reset second factors of", follows=follows
        )
        if question:
            return question
        self._each(
            request, queryset, lambda user: services.two_factor.reset(user=user, reason=reason)
        )
        return None

    def _each(
        self, request: HttpRequest, users: QuerySet[User], act: Callable[[User], object]
    ) -> None:
        """Act on those whom the person may touch, and who are still there."""
        touched = []
        for user in self.chosen(request, users):
            if not _may_touch(request, user):
                self.message_user(request, f"{user}: above your role.", messages.ERROR)
            elif user.status == UserStatus.DELETED:
                self.message_user(request, f"{user}: closed for good.", messages.ERROR)
            else:
                touched.append(user)
        if touched:
            self.each(request, touched, act, "Done")


def _may_touch(request: HttpRequest, user: User) -> bool:
    return isinstance(request.user, User) and services.staff.may_touch(request.user, user)
