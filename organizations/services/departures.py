"""What happens to organizations when a person's account closes: nobody is left without an owner."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import UserStatus
from config.common.errors import Conflict
from organizations import access
from organizations.models import (
    ObjectGrant,
    Organization,
    OrganizationInvitation,
    OrganizationStatus,
    Role,
)
from organizations.services import closing, members

_CLOSED = "The account of its only member was deleted."


class SoleOwner(Conflict):
    """The person is the only owner of an organization that others work in, or the others are suspended."""

    code = "sole_owner"
    title = "Organizations need another owner first"
    fix = (
        "Make another member of each of these organizations an owner, or remove the other members."
    )
    members = {
        "organizations": ("Which ones, with the name of each.", [{"id": 12, "name": "Acme"}]),
    }
    answered_by = ("users_me_deletion_request",)


def require_no_orphans(*, user_id: int) -> None:
    """Raise SoleOwner, which names them, when organizations with other members would be left without an owner."""
    orphans = [
        {"id": one.pk, "name": one.name}
        for one in _organizations_of(user_id).order_by("name", "pk")
        if _is_sole_owner(one, user_id)
    ]
    if orphans:
        names = ", ".join(str(orphan["name"]) for orphan in orphans)
        raise SoleOwner(f"You are the only owner of {names}.", organizations=orphans)


def _organizations_of(user_id: int) -> QuerySet[Organization]:
    open_ones = Organization.objects.exclude(status=OrganizationStatus.CLOSED)
    return open_ones.filter(members__user_id=user_id)


def _is_sole_owner(organization: Organization, user_id: int) -> bool:
    owners = organization.members.filter(role=Role.OWNER)
    is_owner = owners.filter(user_id=user_id).exists()
    others = organization.members.exclude(user_id=user_id)
    able = owners.exclude(user_id=user_id).filter(user__status=UserStatus.ACTIVE)
    return is_owner and others.exists() and not able.exists()


@transaction.atomic
def leave_all(*, user_id: int, email: str, at: datetime) -> None:
    """Take a person out of every organization; one in which nobody else is left is closed. Raises SoleOwner.

    A closed organization stays with its usage and invoices, under no name; its only member stays, who is nobody by now.
    """
    for pk in _organizations_of(user_id).order_by("pk").values_list("pk", flat=True):
        organization = access.lock(pk)
        if organization.members.exclude(user_id=user_id).exists():
            _leave(organization, user_id)
        else:
            _close(organization, at=at)
    # Last: whoever changes an invitation has the organization's lock first.
    OrganizationInvitation.objects.filter(email=email).delete()
    ObjectGrant.objects.filter(user_id=user_id).delete()


def _leave(organization: Organization, user_id: int) -> None:
    if _is_sole_owner(organization, user_id):
        require_no_orphans(user_id=user_id)
    members.delete(organization.members.get(user_id=user_id))


def _close(organization: Organization, *, at: datetime) -> None:
    closing.shut(organization, reason=_CLOSED, at=at)
    Organization.objects.filter(pk=organization.pk).update(
        name="Deleted organization",
        slug=f"deleted-{organization.pk}",
        billing_name="",
        billing_email="",
        billing_address={},
        tax_id="",
        metadata={},
        updated_at=at,
    )
