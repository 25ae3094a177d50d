"""Questions about organizations and members."""

from django.db.models import QuerySet

from accounts.models import User
from config.common.errors import NotFound
from organizations.models import Organization, OrganizationMember


def memberships_of(user: User) -> QuerySet[OrganizationMember]:
    """Return a person's memberships with their organizations."""
    return OrganizationMember.objects.filter(user_id=user.pk).select_related("organization")


def organizations_of(user: User) -> QuerySet[OrganizationMember]:
    """Return a person's memberships with their organizations, by name."""
    return memberships_of(user).order_by("organization__name", "id")


def members_of(organization: Organization) -> QuerySet[OrganizationMember]:
    """Return an organization's members with their people."""
    return organization.members.select_related("user")


def organization_called(text: str) -> Organization:
    """Return the organization with this id or slug, for operators. Raises NotFound."""
    is_id = text.isascii() and text.isdigit()
    found = (
        Organization.objects.filter(pk=int(text))
        if is_id
        else Organization.objects.filter(slug=text)
    )
    organization = found.first()
    if organization is None:
        raise NotFound(f"There is no organization with the id or slug {text}.")
    return organization
