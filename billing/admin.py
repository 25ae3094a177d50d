"""The back office of plans and subscriptions. Whatever it changes goes through the services."""

import re
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from billing.models import CODE_PATTERN, Plan, Subscription, SubscriptionStatus
from billing.services import plans, subscriptions
from billing.services.plans import PlanTerms
from config.common.admin import DomainAdmin
from config.common.admin_filters import switch

_LIMITS = ("rate_limit", "rate_per_seconds", "rate_burst", "audit_retention_days")


class PlanForm(forms.ModelForm[Plan]):
    """Says at the field what the database would refuse by the name of a constraint."""

    def clean_code(self) -> str:
        """Return a code as the API knows codes."""
        code: str = self.cleaned_data["code"]
        if not re.fullmatch(CODE_PATTERN, code):
            raise forms.ValidationError(
                "A code is made of capital letters, digits and underscores, and begins with a letter."
            )
        return code

    def clean(self) -> dict[str, Any]:
        """Refuse limits that let nothing through."""
        super().clean()
        given = self.cleaned_data
        for name in _LIMITS:
            if given.get(name) == 0:
                self.add_error(name, "This is at least 1.")
        if given.get("seat_limit") == 0:
            self.add_error("seat_limit", "This is at least 1, or empty for any number.")
        return given


@admin.register(Plan)
class PlanAdmin(DomainAdmin):
    """What customers can subscribe to. A change holds for everyone who is on the plan, within two seconds."""

    audited_as = "plan"
    form = PlanForm
    list_display = (
        "name",
        "code",
        "position",
        "is_public",
        "rate_limit",
        "rate_burst",
        "quota_limit",
        "key_limit",
        "seat_limit",
    )
    list_filter = (("is_public", switch("visibility", yes="Public", no="Not public")),)
    search_fields = ("code", "name")
    ordering = ("position", "id")
    readonly_fields = ("created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("code", "name", "position", "is_public")}),
        (
            "Rate of each key",
            {"fields": ("rate_limit", "rate_per_seconds", "rate_burst", "rate_ceiling")},
        ),
        (
            "Of the organization",
            {"fields": ("quota_limit", "key_limit", "seat_limit", "audit_retention_days")},
        ),
        ("Times", {"fields": ("created_at", "updated_at")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A plan keeps its code."""
        return self.readonly_fields if obj is None else ("code", *self.readonly_fields)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Plans are taken off the list; subscriptions go on naming them."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Create or change the plan through the service."""
        data = {name: value for name, value in form.cleaned_data.items() if name != "code"}
        terms = cast("PlanTerms", data)
        if change:
            plans.update_plan(plan=obj, terms=terms)
        else:
            obj.pk = plans.create_plan(code=form.cleaned_data["code"], terms=terms).pk


@admin.register(Subscription)
class SubscriptionAdmin(DomainAdmin):
    """What customers have agreed to. Another plan holds at once."""

    audited_as = "subscription"
    list_display = ("organization", "plan", "status", "anchor_at", "created_at")
    list_filter = ("plan", "status")
    search_fields = ("=id", "=organization__id", "organization__name", "organization__slug")
    list_select_related = ("organization", "plan")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    readonly_fields = (
        "organization",
        "status",
        "anchor_at",
        "canceled_at",
        "created_at",
        "updated_at",
    )
    fields = (
        "organization",
        "plan",
        "status",
        "anchor_at",
        "canceled_at",
        "created_at",
        "updated_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the subscriptions with what their pages show."""
        return super().get_queryset(request).select_related("organization", "plan")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Every organization gets its subscription when it is created."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Agreements stay on record."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only what is still active can move to another plan."""
        is_active = obj is None or obj.status == SubscriptionStatus.ACTIVE
        return is_active and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Move to the chosen plan through the service."""
        subscriptions.change_plan(
            organization=obj.organization, plan_code=form.cleaned_data["plan"].code
        )
