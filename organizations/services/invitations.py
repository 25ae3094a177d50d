"""Offering places: inviting, sending again, taking back. Whoever is invited answers in `answers`.

The organization's row is locked for every change, as for members.
"""

from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import User
from accounts.selectors import user_by_email
from accounts.services import links, notices, registration
from config.common import changes, crypto, mail
from config.common.errors import Conflict, Forbidden, NotFound, TooManyRequests, wait_until
from config.common.events import publish
from organizations import access, selectors
from organizations.access import Tenant
from organizations.models import Organization, OrganizationInvitation, OrganizationStatus, Role
from organizations.roles import Permission
from organizations.services import custom_roles
from organizations.services.custom_roles import Standing
from organizations.services.members import AlreadyMember
from organizations.signals import (
    InvitationCreated,
    InvitationExpired,
    InvitationRenewed,
    InvitationRevoked,
)

LIFETIME = timedelta(days=7)
DAY = timedelta(days=1)
# The first mail and three more, to one address from one organization, also if an invitation is revoked and made anew.
MAILS_PER_DAY = 4
# To whomever: an organization's name is its owner's to choose, and nobody is to send letters of their own with ours.
MAILS_OF_ORGANIZATION = 300
MAX_PENDING = 100
Status = OrganizationInvitation.Status


class AlreadyInvited(Conflict):
    """An invitation to this address waits for its answer."""

    code = "already_invited"
    title = "Already invited"
    fix = "Send the invitation that waits once more, or revoke it first."


class InvitationLimitReached(Conflict):
    """Too many invitations wait for their answer."""

    code = "invitation_limit_reached"
    title = "Too many invitations wait"
    fix = "Revoke some that nobody will answer."
    members = {"limit": ("How many there may be.", 100)}


class InvitationNotOpen(Conflict):
    """The invitation was answered, taken back, or is too old."""

    code = "invitation_not_open"
    title = "The invitation is not open any more"
    fix = "Ask whoever invited you for a new one, if you still need it."


class TooManyInvitationMails(TooManyRequests):
    """The address, or everybody together, has got as many invitations to this organization as may go out within a day."""

    code = "too_many_invitation_mails"
    title = "Too many invitations were mailed"
    fix = "Wait as many seconds as `Retry-After` says; the last mail's link works for seven days."
    answered_by = ("organizations_invitations_create", "organizations_invitations_resend")


class SuspendedInvitesNobody(Forbidden):
    """The organization is suspended: it invites nobody."""

    fix = "Ask whoever runs this service to reinstate the organization."


class InviterNotVerified(Forbidden):
    """Verify your own e-mail address before you invite others."""

    fix = registration.EmailNotVerified.fix


@transaction.atomic
def invite(
    *,
    tenant: Tenant,
    email: str,
    at: datetime,
    role: str | None = None,
    custom_role_id: int | None = None,
) -> OrganizationInvitation:
    """Offer a place to an address and mail the link, which is good for seven days.

    Nobody offers more than they have. Seats are counted when the invitation is accepted. Raises Forbidden, Conflict,
    InvalidInput or TooManyInvitationMails; the caller cannot tell whether the address has an account.
    """
    tenant = access.locked(tenant)
    email = User.objects.normalize_email(email)
    registration.require_readable_address(email)
    offered = custom_roles.standing(tenant, role=role, custom_role_id=custom_role_id)
    _require_may_offer(tenant, offered)
    _require_place(tenant, email, at=at)
    invitation, token = _make(tenant, email, offered, at=at)
    _require_pace(invitation, at=at)
    publish(
        InvitationCreated(
            organization_id=tenant.organization.pk,
            invitation_id=invitation.pk,
            email=email,
            role=invitation.role_name,
        ),
        after=changes.told(invitation),
    )
    _mail(invitation, token, tenant.user)
    _notify(invitation)
    return invitation


def _make(
    tenant: Tenant, email: str, offered: Standing, *, at: datetime
) -> tuple[OrganizationInvitation, str]:
    token = crypto.new_token()
    invitation = tenant.organization.invitations.create(
        email=email,
        role=offered.role,
        custom_role=offered.custom_role,
        digest=crypto.digest(token),
        invited_by=tenant.user,
        sent_times=[at],
        expires_at=at + LIFETIME,
    )
    return invitation, token


def _require_may_offer(tenant: Tenant, offered: Standing) -> None:
    tenant.require(Permission.MEMBERS_WRITE)
    if offered.role == Role.OWNER:
        tenant.require(Permission.OWNERS_WRITE)
    tenant.require_all(offered.permissions)
    if tenant.organization.status != OrganizationStatus.ACTIVE:
        raise SuspendedInvitesNobody
    if tenant.user is not None and not tenant.user.is_verified_email:
        raise InviterNotVerified


def _require_place(tenant: Tenant, email: str, *, at: datetime) -> None:
    waiting = tenant.organization.invitations.filter(status=Status.PENDING)
    for old in waiting.filter(expires_at__lte=at):
        _close(old, Status.EXPIRED, at=at)
    if tenant.organization.members.filter(user__email=email).exists():
        raise AlreadyMember
    if waiting.filter(email=email).exists():
        raise AlreadyInvited
    if waiting.count() >= MAX_PENDING:
        raise InvitationLimitReached(f"{MAX_PENDING} invitations wait.", limit=MAX_PENDING)


def _require_pace(invitation: OrganizationInvitation, *, at: datetime) -> None:
    """Count the mails of a day, over every invitation of the organization: those to the address, and all."""
    of_organization = OrganizationInvitation.objects.filter(
        organization_id=invitation.organization_id, updated_at__gt=at - DAY
    )
    sent = [
        (email, time)
        for email, times in of_organization.values_list("email", "sent_times")
        for time in times
        if time > at - DAY
    ]
    _require_fewer(
        [time for email, time in sent if email == invitation.email],
        MAILS_PER_DAY,
        "to one address",
        at=at,
    )
    _require_fewer(
        [time for _, time in sent], MAILS_OF_ORGANIZATION, "out for one organization", at=at
    )


def _require_fewer(times: list[datetime], most: int, where: str, *, at: datetime) -> None:
    if len(times) > most:
        raise TooManyInvitationMails(
            f"At most {most} mails a day go {where}.", headers=wait_until(min(times) + DAY, at=at)
        )


@transaction.atomic
def resend(*, tenant: Tenant, invitation_id: int, at: datetime) -> OrganizationInvitation:
    """Mail a new link, good for seven days from now; the earlier ones are worthless.

    Raises NotFound, Forbidden, InvitationNotOpen, or TooManyInvitationMails beyond three times a day.
    """
    tenant = access.locked(tenant)
    tenant.require(Permission.MEMBERS_WRITE)
    invitation = locked(tenant, invitation_id)
    require_pending(invitation)
    _require_may_offer(tenant, custom_roles.standing_of(invitation))
    before = changes.snapshot(invitation)
    token = crypto.new_token()
    invitation.digest = crypto.digest(token)
    invitation.expires_at = at + LIFETIME
    invitation.invited_by = tenant.user
    invitation.sent_times = [*(time for time in invitation.sent_times if time > at - DAY), at]
    invitation.save(
        update_fields=["digest", "expires_at", "invited_by", "sent_times", "updated_at"]
    )
    _require_pace(invitation, at=at)
    publish(
        InvitationRenewed(
            organization_id=tenant.organization.pk,
            invitation_id=invitation.pk,
            email=invitation.email,
        ),
        **changes.since(before, invitation),
    )
    _mail(invitation, token, tenant.user)
    return invitation


@transaction.atomic
def revoke(*, tenant: Tenant, invitation_id: int, at: datetime) -> None:
    """Take an invitation back: its link is worthless. Raises NotFound, Forbidden or InvitationNotOpen."""
    tenant = access.locked(tenant)
    tenant.require(Permission.MEMBERS_WRITE)
    invitation = locked(tenant, invitation_id)
    require_pending(invitation)
    tenant.require_all(custom_roles.standing_of(invitation).permissions)
    _close(invitation, Status.REVOKED, at=at)


@transaction.atomic
def revoke_all(*, organization_id: int, at: datetime) -> None:
    """Take back everything that an organization offered; the caller holds its lock."""
    waiting = OrganizationInvitation.objects.filter(
        organization_id=organization_id, status=Status.PENDING
    )
    for invitation in waiting.select_for_update().order_by("pk"):
        _close(invitation, Status.REVOKED, at=at)


def expire_due(*, at: datetime) -> int:
    """Close the invitations that nobody answered in time and return how many there were."""
    due = OrganizationInvitation.objects.filter(status=Status.PENDING, expires_at__lte=at)
    rows = due.order_by("expires_at", "pk").values_list("organization_id", "pk")[:1000]
    return sum(_expire(organization_id, pk, at=at) for organization_id, pk in rows)


@transaction.atomic
def _expire(organization_id: int, invitation_id: int, *, at: datetime) -> bool:
    # First the organization, as everybody does. Where somebody is at work in it, the next round comes soon enough.
    idle = Organization.objects.select_for_update(no_key=True, skip_locked=True)
    if idle.filter(pk=organization_id).values_list("pk").first() is None:
        return False
    # Asked again under the lock: it may have been answered, or sent again, meanwhile.
    due = OrganizationInvitation.objects.filter(status=Status.PENDING, expires_at__lte=at)
    invitation = due.select_for_update(skip_locked=True).filter(pk=invitation_id).first()
    if invitation is None:
        return False
    _close(invitation, Status.EXPIRED, at=at)
    return True


def locked(tenant: Tenant, invitation_id: int) -> OrganizationInvitation:
    """Return an invitation of the organization for the rest of the transaction. Raises NotFound."""
    rows = tenant.organization.invitations.select_related(
        "custom_role", "organization", "invited_by"
    )
    found = rows.select_for_update(of=("self",)).filter(pk=invitation_id).first()
    if found is None:
        raise NotFound
    return found


def require_pending(invitation: OrganizationInvitation) -> None:
    """Raise InvitationNotOpen, which says what became of it."""
    if invitation.status != Status.PENDING:
        raise InvitationNotOpen(_BECAME[invitation.status])


def require_open(invitation: OrganizationInvitation, *, at: datetime) -> None:
    """Raise InvitationNotOpen unless it can still be answered."""
    require_pending(invitation)
    if invitation.expires_at <= at:
        raise InvitationNotOpen(_BECAME[Status.EXPIRED])


def _close(invitation: OrganizationInvitation, status: str, *, at: datetime) -> None:
    before = changes.snapshot(invitation)
    invitation.status, invitation.closed_at = status, at
    invitation.save(update_fields=["status", "closed_at", "updated_at"])
    of, pk, email = invitation.organization_id, invitation.pk, invitation.email
    publish(
        InvitationExpired(organization_id=of, invitation_id=pk, email=email)
        if status == Status.EXPIRED
        else InvitationRevoked(organization_id=of, invitation_id=pk, email=email),
        **changes.since(before, invitation),
    )


def tell_of_waiting(*, user: User, at: datetime) -> None:
    """Tell in the portal what waits for the person's answer, as it is told to whom is known when they are invited."""
    for invitation in selectors.waiting_invitations_to(user, at=at):
        _tell(user, invitation)


def _notify(invitation: OrganizationInvitation) -> None:
    """Tell it in the portal, too, where the address is known to be somebody's.

    For nobody as much is done, and undone: the time does not say whether there is an account.
    """
    invited = user_by_email(invitation.email)
    is_known = invited is not None and invited.is_verified_email
    told = invited or invitation.invited_by
    with links.kept_only_if(is_known):
        _tell(told, invitation)


def _tell(user: User | None, invitation: OrganizationInvitation) -> None:
    notices.notify(
        users=[user] if user else [],
        kind="invitation.created",
        title=f"You are invited to {invitation.organization.name}",
        body=f"As {invitation.role_name}. Accept or decline within seven days of the mail.",
        link="/organizations/switch/",
    )


def _mail(invitation: OrganizationInvitation, token: str, by: User | None) -> None:
    values = {
        "invitation": invitation,
        "organization": invitation.organization,
        "by": by,
        "token": token,
    }
    mail.send("organizations/invitation", to=invitation.email, values=values)


_BECAME: dict[str, str] = {
    Status.ACCEPTED: "The invitation was accepted already.",
    Status.DECLINED: "The invitation was declined.",
    Status.REVOKED: "The invitation was taken back.",
    Status.EXPIRED: "The invitation is older than seven days.",
}
