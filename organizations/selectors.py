"""Questions about organizations and members."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from accounts.models import User
from config.common.errors import NotFound
from config.common.ids import id_in
from organizations import access, grantable
from organizations.models import (
    CustomRole,
    ObjectGrant,
    Organization,
    OrganizationInvitation,
    OrganizationMember,
    OrganizationStatus,
    Role,
)


def memberships_of(user: User) -> QuerySet[OrganizationMember]:
    """Return a person's memberships of open organizations, with all that says what they may do there."""
    return access.memberships().filter(user_id=user.pk)


def organizations_of(user: User) -> QuerySet[OrganizationMember]:
    """Return a person's memberships with their organizations, by name."""
    return memberships_of(user).order_by("organization__name", "id")


def places_taken(*, user_id: int, since: datetime) -> int:
    """Return how many organizations a person owns, and has opened since then though they are closed or another's by now."""
    owned = OrganizationMember.objects.filter(user_id=user_id, role=Role.OWNER)
    owned = owned.exclude(organization__status=OrganizationStatus.CLOSED)
    opened = Organization.objects.filter(opened_by_id=user_id, created_at__gt=since)
    given_up = opened.exclude(Exists(owned.filter(organization=OuterRef("pk"))))
    return owned.count() + given_up.count()


def members_of(organization: Organization) -> QuerySet[OrganizationMember]:
    """Return an organization's members with their people."""
    return organization.members.select_related("user", "custom_role")


def responsible_for(organization_id: int) -> QuerySet[OrganizationMember]:
    """Return those who run an organization, its owners and admins, with their people: whom to tell of its troubles."""
    members = OrganizationMember.objects.filter(
        organization_id=organization_id, role__in=[Role.OWNER, Role.ADMIN]
    )
    return members.select_related("user").order_by("pk")


def invitations_of(organization: Organization) -> QuerySet[OrganizationInvitation]:
    """Return what an organization offered to whom, with who sent it."""
    return organization.invitations.select_related("custom_role", "invited_by")


def waiting_invitations_of(organization: Organization) -> QuerySet[OrganizationInvitation]:
    """Return the invitations of an organization that nobody has answered, the newest first."""
    waiting = invitations_of(organization).filter(status=OrganizationInvitation.Status.PENDING)
    return waiting.order_by("-created_at", "-id")


def invitations_to(user: User) -> QuerySet[OrganizationInvitation]:
    """Return what waits for a person's answer; nothing for who has not proved the address."""
    rows = OrganizationInvitation.objects.select_related(
        "organization", "custom_role", "invited_by"
    )
    if not user.is_verified_email:
        return rows.none()
    return rows.filter(email=user.email)


def waiting_invitations_to(user: User, *, at: datetime) -> QuerySet[OrganizationInvitation]:
    """Return what a person can still accept or decline, the newest first."""
    waiting = invitations_to(user).filter(
        status=OrganizationInvitation.Status.PENDING, expires_at__gt=at
    )
    return waiting.order_by("-created_at", "-id")


def roles_of(organization: Organization) -> QuerySet[CustomRole]:
    """Return an organization's own roles with how many members hold each."""
    return organization.custom_roles.annotate(holders=Count("members"))


def grants_of(organization: Organization) -> QuerySet[ObjectGrant]:
    """Return what members may do on single objects, beyond their roles."""
    return organization.object_grants.select_related("user", "permission__content_type")


@dataclass(frozen=True, slots=True)
class DescribedGrant:
    """A grant with the name of its object, for people."""

    grant: ObjectGrant
    permission: str
    kind: str
    name: str


def described(rows: Iterable[ObjectGrant]) -> list[DescribedGrant]:
    """Say for each grant what it is about, with one query for each kind of object."""
    found = list(rows)
    names: dict[tuple[str, str], str] = {}
    for kind in grantable.kinds():
        ids = {one.object_pk for one in found if grantable.of(one.permission) == kind}
        named = kind.model._default_manager.filter(pk__in=ids) if ids else ()  # noqa: SLF001
        names.update({(kind.name, str(row.pk)): str(row) for row in named})
    told = []
    for one in found:
        of_kind = grantable.of(one.permission)
        if of_kind is not None:
            permission = grantable.permission_called(of_kind, one.permission.codename)
            name = names.get((of_kind.name, one.object_pk), f"#{one.object_pk}")
            told.append(DescribedGrant(one, permission.value, of_kind.label, name))
    return told


def organization_called(text: str) -> Organization:
    """Return the organization with this id or slug, for operators. Raises NotFound."""
    pk = id_in(text)
    by_text = Q(slug=text) if pk is None else Q(pk=pk)
    organization = Organization.objects.filter(by_text).first()
    if organization is None:
        raise NotFound(f"There is no organization with the id or slug {text}.")
    return organization


def personal_data_of(user: User) -> Iterator[dict[str, Any]]:
    """Yield what a person may take along: their place in each organization, and what they told us for its bills.

    Billing details are theirs only where nobody else belongs to the organization.
    """
    rows = OrganizationMember.objects.filter(user_id=user.pk).select_related(
        "organization", "custom_role"
    )
    for member in rows.annotate(people=Count("organization__members")).order_by("pk"):
        organization = member.organization
        row = {
            "organization_id": organization.pk,
            "name": organization.name,
            "role": str(member.custom_role or member.role),
            "joined_at": member.created_at,
        }
        if member.people == 1:
            row["billing"] = {
                name: getattr(organization, name)
                for name in ("billing_name", "billing_email", "billing_address", "tax_id")
            }
        yield row
    for invitation in invitations_to(user).order_by("pk"):
        yield {
            "organization_id": invitation.organization_id,
            "name": invitation.organization.name,
            "invited_as": str(invitation.custom_role or invitation.role),
            "status": invitation.status,
            "invited_at": invitation.created_at,
        }
