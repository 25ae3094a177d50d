"""Stopping an organization's calls and letting them pass again."""

from django.db import transaction
from django.utils import timezone

from config.common import changes, reasons
from config.common.errors import Conflict
from config.common.events import publish
from organizations.models import Organization, OrganizationStatus
from organizations.signals import OrganizationReinstated, OrganizationSuspended


class OrganizationNotActive(Conflict):
    """Only an active organization can be suspended."""

    code = "organization_not_active"
    title = "The organization is not active"
    fix = "Look at its status; a suspended organization can be reinstated."


class OrganizationNotSuspended(Conflict):
    """Only a suspended organization can be reinstated."""

    code = "organization_not_suspended"
    title = "The organization is not suspended"
    fix = "Look at its status: there is nothing to lift."


@transaction.atomic
def suspend(*, organization: Organization, reason: str) -> None:
    """Stop an organization's calls within two seconds. Raises OrganizationNotActive, and InvalidInput without a reason."""
    reasons.require(reason)
    if not _move(organization, OrganizationStatus.ACTIVE, OrganizationStatus.SUSPENDED):
        raise OrganizationNotActive
    publish(
        OrganizationSuspended(organization_id=organization.pk, reason=reason),
        **changes.of(status=(OrganizationStatus.ACTIVE, OrganizationStatus.SUSPENDED)),
    )


@transaction.atomic
def reinstate(*, organization: Organization) -> None:
    """Let a suspended organization's calls pass again. Raises OrganizationNotSuspended."""
    if not _move(organization, OrganizationStatus.SUSPENDED, OrganizationStatus.ACTIVE):
        raise OrganizationNotSuspended
    publish(
        OrganizationReinstated(organization_id=organization.pk),
        **changes.of(status=(OrganizationStatus.SUSPENDED, OrganizationStatus.ACTIVE)),
    )


def _move(organization: Organization, before: str, after: str) -> bool:
    # One conditional UPDATE: of two people who press the button at once, one changes something.
    standing = Organization.objects.filter(pk=organization.pk, status=before)
    return bool(standing.update(status=after, updated_at=timezone.now()))
