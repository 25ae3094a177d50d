"""The back office of invitations, custom roles and grants on single objects."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from config.common.admin import DomainAdmin, ReadOnlyAdmin
from organizations import access
from organizations.models import CustomRole, ObjectGrant, OrganizationInvitation
from organizations.services import grants, invitations


@admin.register(OrganizationInvitation)
class OrganizationInvitationAdmin(DomainAdmin):
    """Who was offered a place; the links themselves are in the mails and nowhere else."""

    audited_as = "invitation"
    list_display = ("email", "organization", "role_name", "status", "invited_by", "expires_at")
    list_filter = ("status", "role")
    search_fields = ("email", "organization__name", "=organization__id")
    date_hierarchy = "created_at"
    list_select_related = ("organization", "custom_role", "invited_by")
    autocomplete_fields = ("organization",)
    ordering = ("-created_at", "-id")
    fields = (
        "organization",
        "email",
        "role",
        "custom_role",
        "status",
        "invited_by",
        "created_at",
        "expires_at",
        "closed_at",
    )
    actions = ("send_again", "revoke")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new one is asked for address and role only."""
        return ("organization", "email", "role") if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What was sent stays as it was."""
        return () if obj is None else self.fields

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Invitations are revoked; their traces stay."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Invite through the service."""
        if not change:
            made = invitations.invite(
                tenant=access.on_behalf_of(obj.organization),
                email=obj.email,
                role=obj.role,
                at=timezone.now(),
            )
            obj.pk = made.pk

    @admin.action(description="Send again", permissions=["change"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[OrganizationInvitation]) -> None:
        """Mail new links."""

        def send(row: OrganizationInvitation) -> None:
            tenant = access.on_behalf_of(row.organization)
            invitations.resend(tenant=tenant, invitation_id=row.pk, at=timezone.now())

        self.each(request, queryset, send, "Sent again")

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[OrganizationInvitation]) -> None:
        """Make the links worthless."""

        def take_back(row: OrganizationInvitation) -> None:
            tenant = access.on_behalf_of(row.organization)
            invitations.revoke(tenant=tenant, invitation_id=row.pk, at=timezone.now())

        self.each(request, queryset, take_back, "Revoked")


@admin.register(CustomRole)
class CustomRoleAdmin(ReadOnlyAdmin):
    """Roles that organizations made themselves; they are theirs to change."""

    audited_as = "role"
    list_display = ("name", "organization", "permissions", "updated_at")
    search_fields = ("name", "organization__name", "=organization__id")
    list_select_related = ("organization",)
    ordering = ("-created_at", "-id")


@admin.register(ObjectGrant)
class ObjectGrantAdmin(DomainAdmin):
    """What members may do on single objects, beyond their roles."""

    audited_as = "grant"
    list_display = ("user", "organization", "permission_name", "kind", "object_pk", "created_at")
    search_fields = ("user__email", "organization__name", "=organization__id", "=object_pk")
    list_select_related = ("user", "organization", "permission__content_type")
    ordering = ("-created_at", "-id")
    actions = ("take_away",)
    fields = readonly_fields = (
        "user",
        "organization",
        "permission_name",
        "kind",
        "object_pk",
        "granted_by",
        "created_at",
    )

    @admin.display(description="permission")
    def permission_name(self, grant: ObjectGrant) -> str:
        """Show it as the catalogue calls it."""
        return grants.meaning_of(grant)[0].value

    @admin.display(description="on")
    def kind(self, grant: ObjectGrant) -> str:
        """Show what kind of object it is about."""
        return grants.meaning_of(grant)[1].label

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Members give permissions themselves."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """They are taken away by the action, which is audited."""
        return False

    @admin.action(description="Take away", permissions=["change"])
    def take_away(self, request: HttpRequest, queryset: QuerySet[ObjectGrant]) -> None:
        """End the grants at once."""

        def take(row: ObjectGrant) -> None:
            grants.take(tenant=access.on_behalf_of(row.organization), grant_id=row.pk)

        self.each(request, queryset, take, "Taken away")
