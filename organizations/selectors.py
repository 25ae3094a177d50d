"""Questions about organizations and members."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, QuerySet

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


def personal_data_of(user: User) -> Iterator[dict[str, Any]]:
    """Yield what a person may take along: their place in each organization, and what they told us for its bills.

    Billing details are theirs only where nobody else belongs to the organization.
    """
    counted = memberships_of(user).annotate(people=Count("organization__members"))
    for member in counted.order_by("pk"):
        organization = member.organization
        row = {
            "organization_id": organization.pk,
            "name": organization.name,
            "role": member.role,
            "joined_at": member.created_at,
        }
        if member.people == 1:
            row["billing"] = {
                name: getattr(organization, name)
                for name in ("billing_name", "billing_email", "billing_address", "tax_id")
            }
        yield row
