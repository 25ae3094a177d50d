"""The base of the staff API: it opens to staff whose role grants what each method needs, with a second factor given."""

from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import JWTAuthentication, PortalSessionAuthentication
from accounts.models import User
from accounts.roles import PlatformPermission
from accounts.services import staff
from config.common.errors import NotFound
from config.common.views import ApiView, require_guarded

RowT = TypeVar("RowT", bound=Model)


class HasPlatformPermission(BasePermission):
    """Lets staff through whose role grants the permission that the view names for the method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the matrix of `accounts.roles`, and the session for its second factor."""
        assert isinstance(view, StaffView)
        assert isinstance(request.user, User)
        staff.require_permission(request.user, view.required_permission())
        return True


class StaffView(ApiView):
    """A view for the platform's staff.

    `permissions_by_method` names what each method needs. A class with a handler that is not named there cannot be
    defined, so that none is left open by forgetting it.
    """

    authentication_classes = (JWTAuthentication, PortalSessionAuthentication)
    permission_classes: tuple[type[BasePermission], ...] = (IsAuthenticated, HasPlatformPermission)
    permissions_by_method: ClassVar[dict[str, PlatformPermission]] = {}
    problems = (staff.StaffSecondFactorMissing,)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        require_guarded(cls, cls.permissions_by_method)

    def required_permission(self) -> PlatformPermission:
        """Return what the present method needs. Raises MethodNotAllowed for one that the view does not answer."""
        method = self.request.method or "GET"
        needed = self.permissions_by_method.get("GET" if method == "HEAD" else method)
        if needed is None or method.lower() not in self.http_method_names:
            raise MethodNotAllowed(method)
        return needed

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
