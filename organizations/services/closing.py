"""Closing an organization for good: its people, keys, webhooks and plan stop, what bills and the law need stays.

Higher apps end what is theirs when they hear the event. Their rows are locked before anything is told: whoever changes
one of them has its lock first and the log's second, and so does a closing.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from config.common import changes, mail, reasons
from config.common.errors import InvalidInput
from config.common.events import publish
from organizations import access
from organizations.access import Tenant
from organizations.models import Organization, OrganizationStatus
from organizations.roles import Permission
from organizations.services import grants, invitations
from organizations.signals import OrganizationClosed

Hold = Callable[[int], object]
_holds: dict[str, Hold] = {}


def contribute_hold(name: str, hold: Hold) -> None:
    """Have a function lock an app's rows of an organization, given by its id, whenever one is about to be closed."""
    _holds[name] = hold


@transaction.atomic
def close(*, tenant: Tenant, confirmation: str, at: datetime, reason: str = "by its owner") -> None:
    """Close an organization: nobody comes in any more, all that works for it ends, and its members are told.

    That is its keys, webhooks, subscription, invitations and grants. Whoever knows a reason against it, such as an
    unpaid invoice, raises it when the event is published; then nothing has changed. The row stays with its members,
    usage and billing details. Raises Forbidden, InvalidInput without a reason or when the confirmation is not the organization's name, and
    OrganizationIsClosed.
    """
    reasons.require(reason)
    tenant = access.locked(tenant)
    tenant.require(Permission.ORGANIZATION_CLOSE)
    organization = tenant.organization
    if confirmation != organization.name:
        raise InvalidInput.at(
            "#/name",
            code="name",
            message="This is not the name of the organization.",
            fix=f"Write {organization.name}, exactly like this.",
        )
    shut(organization, reason=reason, at=at)
    for member in organization.members.select_related("user").order_by("pk"):
        values = {"user": member.user, "organization": organization}
        mail.send("organizations/closed", to=member.user.email, values=values)


def shut(organization: Organization, *, reason: str, at: datetime) -> None:
    """Put a locked organization into its last state and tell it."""
    for _, hold in sorted(_holds.items()):
        hold(organization.pk)
    invitations.revoke_all(organization_id=organization.pk, at=at)
    grants.take_all(organization_id=organization.pk)
    before = changes.snapshot(organization)
    organization.status, organization.closed_at = OrganizationStatus.CLOSED, at
    organization.personal_of = None
    organization.save(update_fields=["status", "closed_at", "personal_of", "updated_at"])
    publish(
        OrganizationClosed(organization_id=organization.pk, reason=reason),
        **changes.since(before, organization),
    )
