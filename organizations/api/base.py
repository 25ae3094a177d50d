"""What the organization views share: the organization is the one in the path."""

from rest_framework.request import Request

from accounts.models import User
from config.common.errors import Forbidden
from organizations import access
from organizations.scoping import OrganizationScoped


def person_of(request: Request) -> User:
    """Return the person who asks. Raises Forbidden for a key, which is nobody."""
    if not isinstance(request.user, User):
        raise Forbidden("This is for people; an API key cannot do it.")
    return request.user


class OrganizationPathView(OrganizationScoped):
    """Base of the views whose path says which organization is meant."""

    reads_organization_header = False

    def asked_organization(self) -> int:
        """Return the id in the path; the header says nothing here."""
        return int(self.kwargs["organization_id"])

    def lock(self) -> None:
        """Lock the organization that the path names."""
        self.tenant = access.locked(self.tenant)
