"""Organizations and their members over REST. Each view reads the request, makes one call into the domain and answers."""

from dataclasses import replace
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.permissions import RecentlyAuthenticated, require_recent
from config.common.listing import Listing
from config.common.problem_answers import conflict
from organizations import access, selectors
from organizations.access import Tenant
from organizations.api import examples
from organizations.api.base import OrganizationPathView, person_of
from organizations.api.serializers import (
    ChangeRoleSerializer,
    CloseOrganizationSerializer,
    CreateOrganizationSerializer,
    MemberSerializer,
    OrganizationSerializer,
    TransferOwnershipSerializer,
    UpdateOrganizationSerializer,
)
from organizations.models import OrganizationMember, Role
from organizations.roles import Permission
from organizations.scoping import HasGrant
from organizations.services import closing, members, organizations

_LAST_OWNER = conflict("`last_owner`: there is no other owner.")


class OrganizationListView(Listing):
    """The organizations that the person who asks belongs to."""

    permission_classes = (IsAuthenticated,)
    http_method_names = ["get", "head", "post"]
    shape = OrganizationSerializer
    orders: ClassVar[dict[str, str]] = {"joined_at": "created_at"}
    is_compiled = False  # what somebody may do in an organization is no column of it

    @extend_schema(
        operation_id="organizations_list",
        summary="List my organizations",
        responses=OrganizationSerializer(many=True),
        examples=[examples.ORGANIZATION],
    )
    def get(self, request: Request) -> Response:
        """List the organizations you belong to with your role in each, the one you joined last first."""
        return self.listed(selectors.memberships_of(person_of(request)))

    def presented(self, page: list[OrganizationMember]) -> list[Tenant]:
        """Return what the person who asks is in each organization."""
        person = person_of(self.request)
        return [access.as_member(member, person) for member in page]

    @extend_schema(
        operation_id="organizations_create",
        summary="Create an organization",
        request=CreateOrganizationSerializer,
        responses={
            201: OrganizationSerializer,
            **conflict("`organization_limit_reached`: no further one is allowed."),
        },
        examples=[examples.NEW_ORGANIZATION, examples.CREATED_ORGANIZATION],
    )
    def post(self, request: Request) -> Response:
        """Create an organization of which you are the owner. It starts on the free plan."""
        person = person_of(request)
        body = self.body(CreateOrganizationSerializer)
        created = organizations.create_organization(owner=person, name=body["name"])
        created.refresh_from_db()
        tenant = Tenant(created, person, Role.OWNER)
        return Response(OrganizationSerializer(tenant).data, status=201)


class OrganizationView(OrganizationPathView):
    """One organization."""

    permissions_by_method: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ORGANIZATION_READ,
        "PATCH": Permission.ORGANIZATION_WRITE,
    }

    @extend_schema(
        operation_id="organizations_retrieve",
        summary="Read an organization",
        responses=OrganizationSerializer,
        examples=[examples.ORGANIZATION],
    )
    def get(self, request: Request, organization_id: int) -> Response:
        """Return an organization you belong to. Billing details are null for roles that may not read them."""
        return Response(OrganizationSerializer(self.tenant).data)

    @extend_schema(
        operation_id="organizations_update",
        summary="Change an organization",
        request=UpdateOrganizationSerializer,
        responses=OrganizationSerializer,
        examples=[examples.CHANGES, examples.ORGANIZATION],
    )
    def patch(self, request: Request, organization_id: int) -> Response:
        """Change what is sent; what is left out stays."""
        body = self.sent(UpdateOrganizationSerializer)
        changed = organizations.update_organization(
            organization=self.tenant.organization,
            changes=body.settings(),
            by=self.tenant.user,
        )
        tenant = replace(self.tenant, organization=changed)
        return Response(OrganizationSerializer(tenant).data)


class MemberListView(Listing, OrganizationPathView):
    """Who belongs to an organization."""

    shape = MemberSerializer
    orders: ClassVar[dict[str, str]] = {"joined_at": "created_at"}
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": Permission.MEMBERS_READ}

    @extend_schema(
        operation_id="organizations_members_list",
        summary="List members",
        responses=MemberSerializer(many=True),
        examples=[examples.MEMBER],
    )
    def get(self, request: Request, organization_id: int) -> Response:
        """List the members, the newest first."""
        return self.listed(selectors.members_of(self.tenant.organization))


class MemberView(OrganizationPathView):
    """One member."""

    permissions_by_method: ClassVar[dict[str, Permission]] = {
        "PATCH": Permission.MEMBERS_WRITE,
        "DELETE": Permission.ORGANIZATION_READ,  # removing others is the service's to refuse
    }

    @property
    def is_leaving(self) -> bool:
        """Whether a person removes themself, which nobody's role or security policy prevents."""
        user = self.request.user
        is_own = isinstance(user, User) and user.pk == self.kwargs["user_id"]
        return is_own and self.request.method == "DELETE"

    @cached_property
    def tenant(self) -> Tenant:
        """The organization in the path; whoever leaves it may be kept out of it."""
        if not self.is_leaving:
            return super().tenant
        return access.tenant_of(person_of(self.request), self.asked_organization(), is_leaving=True)

    def get_permissions(self) -> list[Any]:
        """Ask nothing of whoever leaves but who they are."""
        return [IsAuthenticated()] if self.is_leaving else list(super().get_permissions())

    @extend_schema(
        operation_id="organizations_members_update",
        summary="Change a member's role",
        request=ChangeRoleSerializer,
        responses={200: MemberSerializer, **_LAST_OWNER},
        examples=[examples.ROLE, examples.MEMBER],
    )
    def patch(self, request: Request, organization_id: int, user_id: int) -> Response:
        """Give a member another role, built-in or custom; it holds for their next request.

        Only owners make or unmake owners, and nobody gives, or touches who has, more than they have. The last owner cannot become anything else (409 `last_owner`). To make somebody an owner, as to hand the
        organization over, it needs a proof of who you are that is at most ten minutes old; see `POST /api/v1/auth/reauthenticate`.
        """
        body = self.body(ChangeRoleSerializer)
        if body.get("role") == Role.OWNER:
            require_recent(request)
        member = members.change_role(tenant=self.tenant, user_id=user_id, **body)
        return Response(MemberSerializer(member).data)

    @extend_schema(
        operation_id="organizations_members_remove",
        summary="Remove a member, or leave",
        responses={204: None, **_LAST_OWNER},
    )
    def delete(self, request: Request, organization_id: int, user_id: int) -> Response:
        """Remove a member; with your own id, leave. The last owner cannot go (409 `last_owner`).

        Leaving needs no permission, and works also where the organization's security policy keeps you out.
        """
        members.remove_member(tenant=self.tenant, user_id=user_id)
        return Response(status=204)


class TransferOwnershipView(OrganizationPathView):
    """Handing an organization over."""

    permission_classes = (IsAuthenticated, HasGrant, RecentlyAuthenticated)
    permissions_by_method: ClassVar[dict[str, Permission]] = {"POST": Permission.OWNERS_WRITE}

    @extend_schema(
        operation_id="organizations_transfer_ownership",
        summary="Hand over an organization",
        request=TransferOwnershipSerializer,
        responses={
            200: MemberSerializer,
            **conflict("`conflict`: an owner hands over to somebody else."),
        },
        examples=[examples.HEIR, examples.NEW_OWNER],
    )
    def post(self, request: Request, organization_id: int) -> Response:
        """Make another member an owner and become an admin yourself, both at once.

        It needs a proof of who you are that is at most ten minutes old; see `POST /api/v1/auth/reauthenticate`.
        """
        body = self.body(TransferOwnershipSerializer)
        heir = members.transfer_ownership(tenant=self.tenant, user_id=body["user_id"])
        return Response(MemberSerializer(heir).data)


class CloseOrganizationView(OrganizationPathView):
    """Closing an organization for good."""

    permission_classes = (IsAuthenticated, HasGrant, RecentlyAuthenticated)
    permissions_by_method: ClassVar[dict[str, Permission]] = {"POST": Permission.ORGANIZATION_CLOSE}

    @extend_schema(
        operation_id="organizations_close",
        summary="Close an organization",
        request=CloseOrganizationSerializer,
        responses={204: None, **conflict("Something stands against it, and says so.")},
        examples=[examples.CLOSING],
    )
    def post(self, request: Request, organization_id: int) -> Response:
        """Close the organization for good: its keys end, nobody comes in any more, and its members are told.

        What bills and the law need stays. It needs a proof of who you are that is at most ten minutes old; see
        `POST /api/v1/auth/reauthenticate`.
        """
        body = self.body(CloseOrganizationSerializer)
        closing.close(tenant=self.tenant, confirmation=body["name"], at=timezone.now())
        return Response(status=204)


class SelectOrganizationView(OrganizationPathView):
    """Choosing the organization to work in."""

    bodyless_methods = frozenset({"POST"})
    permissions_by_method: ClassVar[dict[str, Permission]] = {"POST": Permission.ORGANIZATION_READ}

    @extend_schema(
        operation_id="organizations_select",
        summary="Choose the current organization",
        request=None,
        responses=OrganizationSerializer,
        examples=[examples.ORGANIZATION],
    )
    def post(self, request: Request, organization_id: int) -> Response:
        """Make this the organization that requests without `X-Organization-Id` act in."""
        organizations.select_organization(
            user=self.person, organization_id=organization_id, at=timezone.now()
        )
        return Response(OrganizationSerializer(self.tenant).data)
