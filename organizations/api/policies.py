"""Custom roles, grants on single objects and the security policy over REST."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import RecentlyAuthenticated
from config.common import query
from config.common.listing import Listing
from config.common.problem_answers import conflict
from config.common.views import ApiView
from organizations import access, selectors
from organizations.api import examples
from organizations.api.base import OrganizationPathView
from organizations.api.rights import (
    CatalogueSerializer,
    CreateRoleSerializer,
    GiveSerializer,
    GrantSerializer,
    ReplacementSerializer,
    SecurityPolicySerializer,
    UpdateRoleSerializer,
    UpdateSecurityPolicySerializer,
)
from organizations.api.serializers import CustomRoleSerializer
from organizations.models import CustomRole
from organizations.roles import GRANTS, MEANINGS, Permission
from organizations.scoping import HasGrant
from organizations.services import custom_roles, grants, security_policy

_TAKEN = conflict("`role_name_taken`, or `role_limit_reached`.")


class CatalogueView(ApiView):
    """Every permission, what it means, and which built-in role grants it."""

    permission_classes = (IsAuthenticated,)
    http_method_names = ["get", "head"]

    @extend_schema(
        operation_id="permissions_list",
        summary="List permissions",
        responses=CatalogueSerializer,
        examples=[examples.CATALOGUE],
    )
    def get(self, request: Request) -> Response:
        """List the catalogue from which custom roles are made."""
        rows = [
            {
                "name": permission.value,
                "meaning": MEANINGS[permission],
                "roles": [role.value for role, held in GRANTS.items() if permission in held],
            }
            for permission in Permission
        ]
        return Response(CatalogueSerializer({"permissions": rows}).data)


class RoleListView(Listing, OrganizationPathView):
    """The roles that an organization made itself."""

    shape = CustomRoleSerializer
    orders: ClassVar[dict[str, str]] = {"created_at": "created_at", "name": "name"}
    permissions_by_method: ClassVar[dict[str, Permission]] = {
        "GET": Permission.MEMBERS_READ,
        "POST": Permission.ROLES_WRITE,
    }

    @extend_schema(
        operation_id="organizations_roles_list",
        summary="List custom roles",
        responses=CustomRoleSerializer(many=True),
        examples=[examples.CUSTOM_ROLE],
    )
    def get(self, request: Request, organization_id: int) -> Response:
        """List the organization's own roles, the newest first. The four built-in ones are in `GET /api/v1/permissions`."""
        return self.listed(selectors.roles_of(self.tenant.organization))

    @extend_schema(
        operation_id="organizations_roles_create",
        summary="Create a custom role",
        request=CreateRoleSerializer,
        responses={201: CustomRoleSerializer, **_TAKEN},
        examples=[examples.NEW_ROLE, examples.CREATED_ROLE],
    )
    def post(self, request: Request, organization_id: int) -> Response:
        """Make a role of permissions that you have yourself; of others you get 403."""
        body = self.body(CreateRoleSerializer)
        made = custom_roles.create_role(tenant=self.tenant, **body)
        made.holders = 0  # type: ignore[attr-defined]
        return Response(CustomRoleSerializer(made).data, status=201)


class RoleView(OrganizationPathView):
    """One custom role."""

    permissions_by_method: ClassVar[dict[str, Permission]] = {
        "GET": Permission.MEMBERS_READ,
        "PATCH": Permission.ROLES_WRITE,
        "DELETE": Permission.ROLES_WRITE,
    }
    query_methods = frozenset({"DELETE"})

    @extend_schema(
        operation_id="organizations_roles_retrieve",
        summary="Read a custom role",
        responses=CustomRoleSerializer,
        examples=[examples.CUSTOM_ROLE],
    )
    def get(self, request: Request, organization_id: int, role_id: int) -> Response:
        """Return a role of the organization."""
        return Response(CustomRoleSerializer(self._role(role_id)).data)

    @extend_schema(
        operation_id="organizations_roles_update",
        summary="Change a custom role",
        request=UpdateRoleSerializer,
        responses={200: CustomRoleSerializer, **_TAKEN},
        examples=[examples.ROLE_CHANGES, examples.CUSTOM_ROLE],
    )
    def patch(self, request: Request, organization_id: int, role_id: int) -> Response:
        """Change a role; its holders have the new permissions with their next request.

        You need every permission that it holds before and after.
        """
        body = self.body(UpdateRoleSerializer)
        custom_roles.update_role(tenant=self.tenant, role_id=role_id, **body)
        return Response(CustomRoleSerializer(self._role(role_id)).data)

    @extend_schema(
        operation_id="organizations_roles_delete",
        summary="Delete a custom role",
        parameters=[ReplacementSerializer],
        responses={204: None, **conflict("`role_in_use`: name a replacement.")},
    )
    def delete(self, request: Request, organization_id: int, role_id: int) -> Response:
        """Delete a role. While members hold it, name the role that they are to have instead."""
        named = query.read(request, ReplacementSerializer)
        with query.in_query():
            custom_roles.delete_role(tenant=self.tenant, role_id=role_id, **named)
        return Response(status=204)

    def _role(self, role_id: int) -> CustomRole:
        return access.row_of(self.tenant, selectors.roles_of(self.tenant.organization), pk=role_id)


class GrantListView(Listing, OrganizationPathView):
    """What members may do on single objects, beyond their roles."""

    shape = GrantSerializer
    is_compiled = False  # what a grant means is read from guardian's permission and its type
    permissions_by_method: ClassVar[dict[str, Permission]] = {
        "GET": Permission.MEMBERS_READ,
        "POST": Permission.MEMBERS_WRITE,
    }

    @extend_schema(
        operation_id="organizations_grants_list",
        summary="List grants on objects",
        responses=GrantSerializer(many=True),
        examples=[examples.GRANT],
    )
    def get(self, request: Request, organization_id: int) -> Response:
        """List the grants, the newest first."""
        return self.listed(selectors.grants_of(self.tenant.organization))

    @extend_schema(
        operation_id="organizations_grants_create",
        summary="Grant a permission on an object",
        request=GiveSerializer,
        responses={201: GrantSerializer},
        examples=[examples.GIVE, examples.GIVEN],
    )
    def post(self, request: Request, organization_id: int) -> Response:
        """Give a member one permission on one object, such as a key, or on the organization as a whole.

        You give what you have yourself. The grant goes when its holder leaves. Giving it again changes nothing.
        """
        body = self.body(GiveSerializer)
        grant, _ = grants.give(tenant=self.tenant, **body)
        return Response(GrantSerializer(grant).data, status=201)


class GrantView(OrganizationPathView):
    """One grant."""

    permissions_by_method: ClassVar[dict[str, Permission]] = {"DELETE": Permission.MEMBERS_WRITE}

    @extend_schema(
        operation_id="organizations_grants_revoke",
        summary="Revoke a grant on an object",
        responses={204: None},
    )
    def delete(self, request: Request, organization_id: int, grant_id: int) -> Response:
        """Take a permission on one object away; it is gone for the holder's next request."""
        grants.take(tenant=self.tenant, grant_id=grant_id)
        return Response(status=204)


class SecurityPolicyView(OrganizationPathView):
    """Who may come in, and what keys may be."""

    permission_classes = (IsAuthenticated, HasGrant, RecentlyAuthenticated)
    permissions_by_method: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ORGANIZATION_READ,
        "PATCH": Permission.SECURITY_WRITE,
    }

    @extend_schema(
        operation_id="organizations_security_policy_retrieve",
        summary="Read the security policy",
        responses=SecurityPolicySerializer,
        examples=[examples.POLICY],
    )
    def get(self, request: Request, organization_id: int) -> Response:
        """Return the organization's security policy."""
        return Response(SecurityPolicySerializer(self.tenant.organization).data)

    @extend_schema(
        operation_id="organizations_security_policy_update",
        summary="Change the security policy",
        request=UpdateSecurityPolicySerializer,
        responses={
            200: SecurityPolicySerializer,
            **conflict("`would_lock_you_out`: you do not meet the policy yourself."),
        },
        examples=[examples.POLICY_CHANGES, examples.POLICY],
    )
    def patch(self, request: Request, organization_id: int) -> Response:
        """Change what is sent; it holds for everybody's next request, and for keys made or changed from now on.

        Members who do not have a second factor when one is required are told by mail how to set one up. Keys that are
        older than a new greatest age go on working; they are marked `is_outdated`, and the owners are told how many there
        are. It needs a proof of who you are that is at most ten minutes old; see `POST /api/v1/auth/reauthenticate`.
        """
        changes = self.sent(UpdateSecurityPolicySerializer).validated_data
        changed = security_policy.change_policy(tenant=self.tenant, changes=changes)
        return Response(SecurityPolicySerializer(changed).data)
