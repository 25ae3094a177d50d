"""Creating organizations, changing their settings, and choosing the one to work in."""

import secrets
from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import User
from accounts.services import locks
from config.common import changes as values
from config.common import names
from config.common.errors import Conflict, NotFound
from config.common.events import publish
from config.common.logs import REDACTED
from organizations import access, selectors
from organizations.models import Organization, OrganizationMember, OrganizationStatus, Role
from organizations.roles import Permission
from organizations.signals import OrganizationCreated, OrganizationUpdated

# Every organization starts with a plan's free allowance, so one person may not open them without end.
MAX_OWNED = 20
# Nor close or hand over one to have the allowance of another: until then it counts for whoever opened it.
PLACE_TAKEN = timedelta(days=30)


# Not for every member to read; the audit log has them.
_BILLING = frozenset({"billing_name", "billing_email", "billing_address", "tax_id"})


class OrganizationLimitReached(Conflict):
    """A person owns a limited number of organizations; one opened within thirty days counts also when closed or given away."""

    code = "organization_limit_reached"
    title = "No further organization is allowed"
    fix = (
        "Close or hand over an organization that you opened more than thirty days ago, wait until a younger one that "
        "you gave up is as old, or ask us for more."
    )
    members = {"limit": ("How many there may be.", 20)}


class Settings(TypedDict, total=False):
    """What members may change of their organization."""

    name: str
    billing_name: str
    billing_email: str
    billing_address: dict[str, str]
    tax_id: str
    metadata: dict[str, Any]


@transaction.atomic
def create_organization(*, owner: User, name: str, is_personal: bool = False) -> Organization:
    """Create an organization with its first owner. Raises InvalidInput and OrganizationLimitReached."""
    if not is_personal:
        names.require_readable(name)
    # Locked, so that creations of one person are counted one after the other.
    locks.person(owner.pk)
    since = timezone.now() - PLACE_TAKEN
    if selectors.places_taken(user_id=owner.pk, since=since) >= MAX_OWNED:
        raise OrganizationLimitReached(
            f"One person may own {MAX_OWNED} organizations. One that was closed or handed over counts "
            f"for {PLACE_TAKEN.days} days from when it was opened.",
            limit=MAX_OWNED,
        )
    organization = Organization.objects.create(
        name=name,
        slug=f"{slugify(name)[:120] or 'organization'}-{secrets.token_hex(4)}",
        billing_email=owner.email,
        personal_of=owner if is_personal else None,
        opened_by=owner,
    )
    OrganizationMember.objects.create(organization=organization, user=owner, role=Role.OWNER)
    publish(
        OrganizationCreated(organization_id=organization.pk, owner_id=owner.pk, name_given=name),
        after=values.told(organization),
    )
    return organization


@transaction.atomic
def update_organization(
    *, organization: Organization, changes: Settings, by: User | None = None
) -> Organization:
    """Change the given settings and return the organization; nothing happens when they are as they were.

    Raises InvalidInput and what `access.lock_open_for` raises.
    """
    held = access.lock_open_for(organization.pk, by=by, permission=Permission.ORGANIZATION_WRITE)
    locked = held.organization
    before, after = values.assign(locked, changes)
    if not after:
        return locked
    if "name" in after:
        names.require_readable(changes["name"])
    locked.save(update_fields=[*after, "updated_at"])
    publish(
        OrganizationUpdated(organization_id=locked.pk, before=_told(before), after=_told(after)),
        before=values.plain(before),
        after=values.plain(after),
    )
    return locked


def _told(columns: dict[str, Any]) -> dict[str, Any]:
    """Return columns as the event tells them, which everybody may read who may see webhooks."""
    return {
        name: REDACTED if name in _BILLING and value else value for name, value in columns.items()
    }


def select_organization(*, user: User, organization_id: int, at: datetime) -> None:
    """Make an organization the one a person works in. Raises NotFound when they are not a member of it."""
    selected = OrganizationMember.objects.filter(user=user, organization_id=organization_id)
    selected = selected.exclude(organization__status=OrganizationStatus.CLOSED)
    if not selected.update(selected_at=at):
        raise NotFound
