"""The back office of keys, service keys and APIs. Whatever it changes goes through the services."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import BaseModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize

from accounts.permissions import recently_authenticated, staff_of
from apikeys import selectors
from apikeys.forms import ApiForm, RouteRuleForm
from apikeys.models import Api, ApiKey, KeyActivity, KeyUsage, RouteRule, ServiceKey
from apikeys.services import apis, keys, service_keys
from config.common import once
from config.common.admin import DomainAdmin, ReadOnlyAdmin
from config.common.errors import DomainError


class StatusFilter(admin.SimpleListFilter):
    """Filters keys by the state that their time stamps amount to."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Offer the states."""
        return [(status, status.capitalize()) for status in selectors.STATUSES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the keys in the chosen state."""
        chosen = self.value()
        return selectors.with_status(queryset, chosen, at=timezone.now()) if chosen else queryset


@admin.register(ApiKey)
class ApiKeyAdmin(DomainAdmin):
    """Customers' keys: found by what support has in hand, stopped when they must be."""

    audited_as = "api_key"
    list_display = (
        "name",
        "organization",
        "environment",
        "shown",
        "status",
        "is_outdated",
        "last_used",
        "created_at",
    )
    list_filter = (StatusFilter, "environment")
    search_fields = ("=id", "prefix", "last4", "name", "organization__name", "external_id")
    search_help_text = "Id, prefix, last four characters, name, organization or external id"
    list_select_related = ("organization",)
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    exclude = ("secrets",)
    actions = ("disable", "enable", "revoke")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the keys with the time of their last use."""
        return selectors.keys()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Show everything; changes are the organization's own, or one of the actions."""
        names = [field.name for field in ApiKey._meta.fields]  # noqa: SLF001  Django's own name
        return [*names, "status", "is_outdated", "last_used"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Customers make their keys themselves."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keys are revoked, not deleted: their usage refers to them."""
        return False

    @admin.display(description="key")
    def shown(self, key: ApiKey) -> str:
        """Return what may be seen of the secret."""
        return f"{key.prefix}…{key.last4}"

    @admin.display(description="outdated", boolean=True)
    def is_outdated(self, key: ApiKey) -> bool:
        """Show whether it is older than the organization's security policy allows."""
        return key.is_outdated

    @admin.display(description="last used", ordering="last_used_at")
    def last_used(self, key: ApiKey) -> Any:
        """Return when the key was last seen."""
        at = getattr(key, "last_used_at", None)
        return at and localize(timezone.localtime(at))

    @admin.action(description="Revoke (cannot be undone)", permissions=["change"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> HttpResponse | None:
        """Ask, then end the keys for good."""
        follows = (
            "Every call with these keys is refused within two seconds. To stop keys for a while, "
            "disable them instead."
        )
        if question := self.question(request, rows, verb="Revoke", follows=follows):
            return question
        self.each(request, rows, lambda key: keys.revoke_key(key=key, at=timezone.now()), "Revoked")
        return None

    @admin.action(description="Disable", permissions=["change"])
    def disable(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        """Stop the keys until they are enabled again."""
        self.each(request, rows, lambda key: _switch(key, enabled=False), "Disabled")

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        """Let disabled keys pass again."""
        self.each(request, rows, lambda key: _switch(key, enabled=True), "Enabled")


@admin.register(ServiceKey)
class ServiceKeyAdmin(DomainAdmin):
    """Platform credentials; a secret is shown in the one answer that mints it."""

    audited_as = "service_key"
    list_display = (
        "name",
        "shown",
        "scopes",
        "is_usable",
        "expires_at",
        "last_used_at",
        "created_at",
    )
    search_fields = ("=id", "name", "prefix", "last4")
    ordering = ("name",)
    fields = ("name", "scopes", "ip_allowlist", "expires_at")
    hints: ClassVar[dict[str, str]] = {
        "scopes": "Separated by commas; keys:verify lets a backend ask about keys.",
        "ip_allowlist": "Addresses or networks, separated by commas; empty: from anywhere.",
        "expires_at": "In your time zone; empty: never.",
    }
    actions = ("rotate_in_a_day", "rotate_now", "revoke")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for what a new key needs; show all of an old one but its digests."""
        return self.fields if obj is None else self.get_readonly_fields(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A key that exists is rotated or revoked, not edited."""
        return [] if obj is None else [field.name for field in ServiceKey._meta.fields]  # noqa: SLF001  Django's own name

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keys are revoked, not deleted."""
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: Any,
        form: BaseModelForm[Any],
        change: bool,  # noqa: FBT001  Django's signature
    ) -> None:
        """Make the key through the service and keep its secret for this one answer."""
        if change:
            return
        data = form.cleaned_data
        key, secret = service_keys.create_service_key(
            name=data["name"],
            scopes=data["scopes"],
            ip_allowlist=data["ip_allowlist"] or [],
            expires_at=data["expires_at"],
            by=staff_of(request),
            at=timezone.now(),
        )
        obj.pk, obj.prefix, obj.last4, obj.secret = key.pk, key.prefix, key.last4, secret

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Make a key for who proved who they are within the last ten minutes."""
        return recently_authenticated(once.form(super().add_view))(request, form_url, extra_context)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show the keys; what rotates one does so once."""
        return once.form(super().changelist_view)(request, extra_context)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the secret, once."""
        return self._reveal(request, obj, obj.secret)

    @admin.display(description="key")
    def shown(self, key: ServiceKey) -> str:
        """Return what may be seen of the secret."""
        return f"{key.prefix}…{key.last4}"

    @admin.action(description="Rotate one, the old secret works for a day", permissions=["change"])
    def rotate_in_a_day(self, request: HttpRequest, rows: QuerySet[ServiceKey]) -> Any:
        """Mint a new secret beside the old one, for who proved who they are within the last ten minutes."""
        return recently_authenticated(self._rotate)(request, rows, overlap_seconds=86_400)

    @admin.action(description="Rotate one, the old secret stops at once", permissions=["change"])
    def rotate_now(self, request: HttpRequest, rows: QuerySet[ServiceKey]) -> Any:
        """Mint a new secret in the old one's place, for who proved who they are within the last ten minutes."""
        return recently_authenticated(self._rotate)(request, rows, overlap_seconds=0)

    @admin.action(description="Revoke (cannot be undone)", permissions=["change"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ServiceKey]) -> HttpResponse | None:
        """Ask, then end the keys for good."""
        follows = (
            "Whatever runs with these keys, a gate or a backend, is refused from now on: "
            "customers' calls that depend on it fail until it has another key."
        )
        if question := self.question(request, rows, verb="Revoke", follows=follows):
            return question
        by, at = staff_of(request), timezone.now()
        self.each(
            request,
            rows,
            lambda key: service_keys.revoke_service_key(key=key, by=by, at=at),
            "Revoked",
        )
        return None

    def _rotate(
        self, request: HttpRequest, rows: QuerySet[ServiceKey], *, overlap_seconds: int
    ) -> HttpResponse:
        back = HttpResponseRedirect(request.get_full_path())
        if rows.count() != 1:
            self.message_user(request, "Choose exactly one key to rotate.", messages.ERROR)
            return back
        if not overlap_seconds:
            follows = (
                "The old secret stops at once: whatever runs with it is refused until it has "
                "the new one."
            )
            if question := self.question(request, rows, verb="Rotate", follows=follows):
                return question
        try:
            key, secret = service_keys.rotate_service_key(
                key=rows.get(),
                overlap_seconds=overlap_seconds,
                by=staff_of(request),
                at=timezone.now(),
            )
        except DomainError as error:
            self.message_user(request, error.told(), messages.ERROR)
            return back
        return self._reveal(request, key, secret)

    def _reveal(self, request: HttpRequest, key: ServiceKey, secret: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Secret of {key.name}",
            "key": key,
            "secret": secret,
        }
        return once.reveal(
            request,
            "admin/apikeys/servicekey/secret.html",
            context,
            instead=reverse("admin:apikeys_servicekey_changelist"),
            hint=f"The secret of {key.name} was shown that once: rotate it if you did not keep it.",
        )


class RouteRuleInline(admin.StackedInline[RouteRule, Api]):
    """The rules of one API; paths are relative to its base path."""

    model = RouteRule
    form = RouteRuleForm
    extra = 0
    # As one line of a table they are wider than any screen.
    fields = (
        ("methods", "path_pattern"),
        ("required_scope", "mode"),
        ("cost", "meter"),
        ("rate_limit", "rate_per_seconds", "rate_burst"),
        "counted_statuses",
    )


@admin.register(Api)
class ApiAdmin(DomainAdmin):
    """What is sold behind the gate. Changes reach every gate process within two seconds."""

    audited_as = "api"
    # Its rules are shown with it, and raise it.
    watched = ("version",)
    list_display = ("name", "slug", "base_path", "unknown_route_policy", "mode", "is_on")
    list_filter = ("mode", "unknown_route_policy")
    search_fields = ("name", "slug", "base_path", "hosts")
    ordering = ("name",)
    form = ApiForm
    hints = ApiForm.hints
    inlines = (RouteRuleInline,)
    actions = ("enable", "disable")

    def save_model(
        self,
        request: HttpRequest,
        obj: Any,
        form: BaseModelForm[Any],
        change: bool,  # noqa: FBT001  Django's signature
    ) -> None:
        """Describe the API through the service."""
        settings: Any = {name: form.cleaned_data[name] for name in ApiForm.Meta.fields}
        by, at = staff_of(request), timezone.now()
        if change:
            apis.update_api(api=obj, settings=settings, by=by, at=at)
        else:
            obj.pk = apis.create_api(settings=settings, by=by, at=at).pk

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Save each rule through the service."""
        formset.save(commit=False)
        by, api = staff_of(request), form.instance
        for rule in formset.deleted_objects:
            apis.delete_rule(rule=rule, by=by)
        for rule, _ in formset.changed_objects:
            apis.update_rule(rule=rule, settings=_rule_settings(rule), by=by)
        for rule in formset.new_objects:
            rule.pk = apis.create_rule(api=api, settings=_rule_settings(rule), by=by).pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Forget the API through the service."""
        apis.delete_api(api=obj, by=staff_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Forget each API through the service."""
        for api in queryset:
            apis.delete_api(api=api, by=staff_of(request))

    @admin.display(description="on", boolean=True)
    def is_on(self, api: Api) -> bool:
        """Return whether calls to the API are let through at all."""
        return api.disabled_at is None

    @admin.action(description="Switch off", permissions=["change"])
    def disable(self, request: HttpRequest, rows: QuerySet[Api]) -> None:
        """Refuse every call to the APIs."""
        self._switch(request, rows, enabled=False)

    @admin.action(description="Switch on", permissions=["change"])
    def enable(self, request: HttpRequest, rows: QuerySet[Api]) -> None:
        """Let calls to the APIs pass again."""
        self._switch(request, rows, enabled=True)

    def _switch(self, request: HttpRequest, rows: QuerySet[Api], *, enabled: bool) -> None:
        by, at = staff_of(request), timezone.now()
        done = "Switched on" if enabled else "Switched off"
        self.each(
            request,
            rows,
            lambda api: apis.update_api(api=api, settings={"enabled": enabled}, by=by, at=at),
            done,
        )


@admin.register(KeyUsage)
class KeyUsageAdmin(ReadOnlyAdmin):
    """Units per key and hour."""

    list_display = ("hour", "api_key", "organization", "calls", "units")
    search_fields = ("=api_key__id", "api_key__prefix", "api_key__last4", "organization__name")
    list_select_related = ("api_key", "organization")
    date_hierarchy = "hour"
    ordering = ("-hour", "api_key")


@admin.register(KeyActivity)
class KeyActivityAdmin(ReadOnlyAdmin):
    """When, from where and by what keys were last used."""

    list_display = ("api_key", "last_used_at", "last_ip", "last_user_agent", "first_used_at")
    search_fields = (
        "=api_key__id",
        "api_key__prefix",
        "api_key__last4",
        "api_key__name",
        "last_ip",
    )
    list_select_related = ("api_key",)
    ordering = ("-last_used_at",)


def _switch(key: ApiKey, *, enabled: bool) -> None:
    keys.update_key(key=key, settings={"enabled": enabled}, at=timezone.now())


def _rule_settings(rule: RouteRule) -> Any:
    return {name: getattr(rule, name) for name in RouteRuleForm.Meta.fields}
