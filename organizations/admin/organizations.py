"""The back office of organizations and members. Whatever it changes goes through the services."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from config.common import mail_addresses
from config.common.admin import DomainAdmin, ReasonForm
from config.common.admin_filters import called
from config.common.errors import DomainError
from config.common.forms import RATE, JsonObjectField, require_whole_rate
from organizations import access
from organizations.forms import ADDRESS
from organizations.models import Organization, OrganizationMember, OrganizationStatus
from organizations.services import closing, limits, members, organizations, suspension
from organizations.services.limits import Limits
from organizations.services.organizations import Settings

_SETTINGS = ("name", "billing_name", "billing_email", "billing_address", "tax_id", "metadata")
_LIMITS = (*RATE, "quota_limit")
_POLICY = ("requires_two_factor", "max_key_age_days", "allowed_scopes", "console_networks")


class OrganizationForm(forms.ModelForm[Organization]):
    """Asks for settings and overrides; a rate is given whole or not at all."""

    billing_email = forms.EmailField(
        required=False, max_length=254, validators=[mail_addresses.validate]
    )
    billing_address = JsonObjectField(required=False)
    metadata = JsonObjectField(required=False)

    class Meta:
        model = Organization
        fields = (*_SETTINGS, *_LIMITS)

    def clean_billing_address(self) -> dict[str, Any]:
        """Refuse what is no part of an address."""
        address: dict[str, Any] = self.cleaned_data["billing_address"]
        lengths = {"country": 2, **{part: length for part, (_, length) in ADDRESS.items()}}
        for part, text in address.items():
            if not isinstance(text, str) or len(text) > lengths.get(part, 0):
                raise forms.ValidationError(
                    f"An address is made of short texts: {', '.join(lengths)}."
                )
        return address

    def clean(self) -> dict[str, Any]:
        """Refuse a part of a rate."""
        data = super().clean() or {}
        require_whole_rate(data)
        return data


class MemberInline(admin.TabularInline[OrganizationMember, Organization]):
    """Who belongs to the organization."""

    model = OrganizationMember
    fields = readonly_fields = ("user", "role", "custom_role", "created_at", "selected_at")
    ordering = ("id",)
    extra = 0
    can_delete = False
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrganizationMember]:
        """Return the members with their people."""
        return super().get_queryset(request).select_related("user", "organization", "custom_role")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Members are added on their own page."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Members are changed on their own page."""
        return False


@admin.register(Organization)
class OrganizationAdmin(DomainAdmin):
    """Customers: their settings, what was agreed beyond the plan, and whether their calls may pass."""

    audited_as = "organization"
    list_display = ("name", "id", "slug", "status", "members_count", "seat_limit", "created_at")
    list_filter = ("status", ("personal_of", called("kind", yes="Personal", no="Not personal")))
    search_fields = ("=id", "name", "^slug", "billing_email", "members__user__email")
    search_help_text = "Id, name, slug, address for bills, or a member's e-mail"
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    form = OrganizationForm
    readonly_fields = (
        "slug",
        "status",
        "personal_of",
        "opened_by",
        "currency",
        "seat_limit",
        *_POLICY,
        "created_at",
        "updated_at",
        "closed_at",
    )
    fieldsets = (
        (None, {"fields": ("name", "slug", "status", "personal_of", "opened_by", "metadata")}),
        (
            "Billing",
            {"fields": ("billing_name", "billing_email", "billing_address", "tax_id", "currency")},
        ),
        (
            "Agreed beyond the plan",
            {
                "fields": (*_LIMITS, "seat_limit"),
                "description": "Empty: the plan's own number holds.",
            },
        ),
        ("Security policy", {"fields": _POLICY}),
        ("Times", {"fields": ("created_at", "updated_at", "closed_at")}),
    )
    inlines = (MemberInline,)
    actions = ("suspend", "reinstate", "close")
    action_form = ReasonForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the organizations with how many members each has."""
        rows: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = rows.annotate(member_count=Count("members", distinct=True))
        return counted

    @admin.display(description="members", ordering="member_count")
    def members_count(self, organization: Any) -> int:
        """Show how many people belong to it."""
        return int(organization.member_count)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People open organizations themselves."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """What is closed stays as it is."""
        is_closed = isinstance(obj, Organization) and obj.status == OrganizationStatus.CLOSED
        return not is_closed and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Organizations are suspended; their traces stay."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Change settings and limits through their services."""
        data = form.cleaned_data
        settings = {name: data[name] for name in form.changed_data if name in _SETTINGS}
        organizations.update_organization(organization=obj, changes=cast("Settings", settings))
        if set(_LIMITS) & set(form.changed_data):
            limits.override_limits(
                organization=obj, limits=cast("Limits", {name: data[name] for name in _LIMITS})
            )

    @admin.action(description="Suspend (needs a reason)", permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        """Stop the organizations' calls within two seconds."""
        reason = self.reason(request)
        if not reason:
            return

        def stop(organization: Organization) -> None:
            suspension.suspend(organization=organization, reason=reason)

        self.each(request, queryset, stop, "Suspended")

    @admin.action(description="Reinstate", permissions=["change"])
    def reinstate(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        """Let suspended organizations' calls pass again."""

        def release(organization: Organization) -> None:
            suspension.reinstate(organization=organization)

        self.each(request, queryset, release, "Reinstated")

    @admin.action(description="Close for good (needs a reason)", permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[Organization]) -> HttpResponse | None:
        """Ask, then close the organizations: keys end, nobody comes in any more, members are told."""
        reason = self.reason(request)
        if not reason:
            return None
        follows = (
            "Keys, webhooks, subscriptions, invitations and grants end, nobody comes in any more, "
            "and the members are told by mail. To stop calls for a while, suspend instead. "
            f"Your reason: {reason}"
        )
        if question := self.question(request, queryset, verb="Close", follows=follows):
            return question

        def shut(organization: Organization) -> None:
            closing.close(
                tenant=access.on_behalf_of(organization),
                confirmation=organization.name,
                reason=reason,
                at=timezone.now(),
            )

        self.each(request, queryset, shut, "Closed")
        return None


@admin.register(OrganizationMember)
class OrganizationMemberAdmin(DomainAdmin):
    """Memberships, for support: people are added, given another role and removed under the rules that hold for owners."""

    list_display = ("user", "organization", "role", "custom_role", "created_at")
    list_filter = ("role",)
    search_fields = ("user__email", "user__full_name", "organization__name", "=organization__id")
    list_select_related = ("user", "organization", "custom_role")
    autocomplete_fields = ("organization", "user")
    ordering = ("-created_at", "-id")
    fields = ("organization", "user", "role", "custom_role")
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A membership keeps its person and its organization."""
        return ("custom_role",) if obj is None else ("organization", "user", "custom_role")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Add the member, or change the role, through the service."""
        if not change:
            obj.pk = members.add_member(
                organization=obj.organization, user=obj.user, role=obj.role
            ).pk
        elif "role" in form.changed_data:
            tenant = access.on_behalf_of(obj.organization)
            members.change_role(tenant=tenant, user_id=obj.user_id, role=obj.role)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove the member through the service."""
        members.remove_member(tenant=access.on_behalf_of(obj.organization), user_id=obj.user_id)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask, then remove; a refusal leads back to the membership."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except DomainError as error:
            self.message_user(request, error.told(), messages.ERROR)
            return HttpResponseRedirect("../change/")
