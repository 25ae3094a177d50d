"""Questions about organizations and members."""

from django.db.models import QuerySet

from accounts.models import User
from organizations.models import Organization, OrganizationMember


def organizations_of(user: User) -> QuerySet[OrganizationMember]:
    """Return a person's memberships with their organizations, by name."""
    memberships = OrganizationMember.objects.filter(user_id=user.pk)
    return memberships.select_related("organization").order_by("organization__name", "id")


def members_of(organization: Organization) -> QuerySet[OrganizationMember]:
    """Return an organization's members with their people."""
    return organization.members.select_related("user")
