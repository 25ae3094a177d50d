"""People as staff sees and changes them, over REST."""

from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import selectors, services
from accounts.api.examples import staff as examples
from accounts.api.serializers.staff import (
    ListUsersSerializer,
    StaffUserSerializer,
    SuspendSerializer,
    UpdateUserSerializer,
)
from accounts.models import User
from accounts.permissions import require_recent
from accounts.roles import PlatformPermission
from accounts.scoping import StaffView
from config.common.listing import Listing
from config.common.problem_answers import conflict


class UserListView(Listing, StaffView):
    """Everybody who has, or had, an account."""

    shape = StaffUserSerializer
    filters = ListUsersSerializer
    orders: ClassVar[dict[str, str]] = {"created_at": "created_at", "email": "email"}
    permissions_by_method = {"GET": PlatformPermission.USERS_READ}

    @extend_schema(
        operation_id="admin_users_list",
        summary="List people",
        parameters=[ListUsersSerializer],
        responses=StaffUserSerializer(many=True),
        examples=examples.USERS,
    )
    def get(self, request: Request) -> Response:
        """List people, newest first unless asked, or only those who match every filter. For staff, with a second factor."""
        return self.listed(selectors.people(**self.asked()))


class _UserPathView(StaffView):
    """Base of the views whose path names a person."""

    def user(self, user_id: int) -> User:
        """Return the person. Raises NotFound."""
        return self.row(selectors.people(), user_id)

    def answer(self, user_id: int) -> Response:
        """Answer with the person as they are now."""
        return Response(StaffUserSerializer(self.user(user_id)).data)


class UserView(_UserPathView):
    """One person."""

    permissions_by_method = {
        "GET": PlatformPermission.USERS_READ,
        "PATCH": PlatformPermission.USERS_WRITE,
    }
    volatile_members = frozenset({"last_login_at", "last_login_ip", "login_count"})

    def lock(self) -> None:
        """Lock the person's row, and every super admin's in the same order as a change of role does."""
        services.staff.lock_with_super_admins(self.kwargs["user_id"])

    @extend_schema(
        operation_id="admin_users_retrieve",
        summary="Read a person",
        responses=StaffUserSerializer,
        examples=examples.USER,
    )
    def get(self, request: Request, user_id: int) -> Response:
        """Return a person as staff sees them."""
        return self.answer(user_id)

    @extend_schema(
        operation_id="admin_users_update",
        summary="Change a person",
        request=UpdateUserSerializer,
        responses={
            200: StaffUserSerializer,
            **conflict(
                "The role is your own, or the last super admin's, or the account was closed."
            ),
        },
        examples=examples.UPDATE_USER,
    )
    def patch(self, request: Request, user_id: int) -> Response:
        """Change a person's profile, vouch for their address, or give them another platform role.

        A super admin is changed by super admins only, and so is a role, which needs a recent sign-in, too. Nobody
        changes their own role, and the last super admin stays one.
        """
        changes = self.body(UpdateUserSerializer)
        user = self.user(user_id)
        if "role" in changes:
            require_recent(request)
        services.staff.update_user(user=user, changes=changes, by=self.person, at=timezone.now())
        return self.answer(user_id)


class SuspendView(_UserPathView):
    """Stopping an account."""

    permissions_by_method = {"POST": PlatformPermission.USERS_SUSPEND}

    @extend_schema(
        operation_id="admin_users_suspend",
        summary="Suspend a person",
        request=SuspendSerializer,
        responses={
            200: StaffUserSerializer,
            **conflict("The account is not active, a super admin's, or your own."),
        },
        examples=examples.SUSPEND,
    )
    def post(self, request: Request, user_id: int) -> Response:
        """Stop an account for a reason: every session ends at once, keys that the person made follow within two seconds.

        With `until` the suspension is lifted then, within a minute; without, it lasts until somebody lifts it.
        """
        body, now = self.body(SuspendSerializer), timezone.now()
        user = self.user(user_id)
        services.staff.require_may_touch(self.person, user)
        services.suspension.suspend(user=user, by=self.person, at=now, **body)
        return self.answer(user_id)


class ReinstateView(_UserPathView):
    """Letting somebody in again."""

    bodyless_methods = frozenset({"POST"})
    permissions_by_method = {"POST": PlatformPermission.USERS_SUSPEND}

    @extend_schema(
        operation_id="admin_users_reinstate",
        summary="Reinstate a person",
        request=None,
        responses={
            200: StaffUserSerializer,
            **conflict("The account is not suspended."),
        },
        examples=examples.REINSTATE,
    )
    def post(self, request: Request, user_id: int) -> Response:
        """Lift a suspension early. Sessions that ended with it stay ended."""
        services.suspension.reinstate(user=self.user(user_id))
        return self.answer(user_id)
