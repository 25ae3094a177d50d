"""What the organization views share: the organization is the one in the path, and unknown parameters are refused."""

from typing import Any

from rest_framework.request import Request

from accounts.models import User
from config.common.errors import Forbidden
from config.common.fields import StrictSerializer
from organizations import access
from organizations.scoping import OrganizationScoped


def body_of(request: Request, shape: type[StrictSerializer]) -> Any:
    """Read a request's body. Raises what the shape finds wrong with it."""
    serializer = shape(data=request.data)
    serializer.is_valid(raise_exception=True)
    return serializer


def person_of(request: Request) -> User:
    """Return the person who asks. Raises Forbidden for a key, which is nobody."""
    if not isinstance(request.user, User):
        raise Forbidden("This is for people; an API key cannot do it.")
    return request.user


class OrganizationPathView(OrganizationScoped):
    """Base of the views whose path says which organization is meant."""

    reads_organization_header = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse unknown query parameters, unless the view reads them itself."""
        super().initial(request, *args, **kwargs)
        self.refuse_parameters(request)

    def asked_organization(self) -> int:
        """Return the id in the path; the header says nothing here."""
        return int(self.kwargs["organization_id"])

    def lock(self) -> None:
        """Lock the organization that the path names."""
        self.tenant = access.locked(self.tenant)
