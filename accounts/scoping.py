"""The base of the staff API: it opens to staff whose role grants what each method needs, with a second factor given."""

from typing import ClassVar, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import JWTAuthentication, PortalSessionAuthentication
from accounts.models import User
from accounts.roles import PlatformPermission
from accounts.services import staff
from config.common.errors import NotFound
from config.common.views import GuardedView

RowT = TypeVar("RowT", bound=Model)


class HasPlatformPermission(BasePermission):
    """Lets staff through whose role grants the permission that the view names for the method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the matrix of `accounts.roles`, and the session for its second factor."""
        assert isinstance(view, StaffView)
        assert isinstance(request.user, User)
        staff.require_permission(request.user, view.required_permission())
        return True


class StaffView(GuardedView):
    """A view for the platform's staff."""

    authentication_classes = (JWTAuthentication, PortalSessionAuthentication)
    permission_classes: tuple[type[BasePermission], ...] = (IsAuthenticated, HasPlatformPermission)
    permissions_by_method: ClassVar[dict[str, PlatformPermission]] = {}
    problems = (staff.StaffSecondFactorMissing,)

    def row(self, rows: QuerySet[RowT], pk: int) -> RowT:
        """Return one of the rows. Raises NotFound."""
        found = rows.filter(pk=pk).first()
        if found is None:
            raise NotFound
        return found

    @property
    def person(self) -> User:
        """Who of the staff asks."""
        assert isinstance(self.request.user, User)
        return self.request.user
