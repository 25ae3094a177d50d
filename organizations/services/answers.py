"""Answering invitations: only who has the invited address may, and one answer counts."""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from accounts.services import notices, registration, sessions
from config.common import changes, crypto
from config.common.errors import Forbidden, NotFound
from config.common.events import publish
from organizations import access, selectors
from organizations.models import OrganizationInvitation, OrganizationMember
from organizations.roles import Permission
from organizations.services import custom_roles, invitations, members
from organizations.services.invitations import InvitationNotOpen
from organizations.signals import InvitationAccepted, InvitationDeclined

Status = OrganizationInvitation.Status
_NO_SUCH_LINK = "There is no such invitation; a newer mail may hold another link."


class WrongAddressee(Forbidden):
    """The invitation was sent to another address than the one you are signed in with."""

    code = "invitation_for_another_address"
    title = "The invitation is for somebody else"
    fix = "Sign in with the account of the invited address, or ask for an invitation to yours."


def find(token: str) -> OrganizationInvitation:
    """Return the invitation behind a link. Raises NotFound."""
    rows = OrganizationInvitation.objects.select_related(
        "organization", "custom_role", "invited_by"
    )
    found = rows.filter(digest=crypto.digest(token)).first()
    if found is None:
        raise NotFound(_NO_SUCH_LINK)
    return found


@transaction.atomic
def accept_link(*, user: User, token: str, at: datetime) -> OrganizationMember:
    """Take the place that a mailed link offers; having the link proves the address, too.

    Raises NotFound, WrongAddressee, InvitationNotOpen, AlreadyMember, SeatLimitReached, or Unauthenticated for who was
    suspended meanwhile.
    """
    sessions.hold_author(user)
    member = _accept(user, _by_link(token, user), at=at)
    registration.confirm_email(user=user, at=at)
    return member


@transaction.atomic
def accept(*, user: User, invitation_id: int, at: datetime) -> OrganizationMember:
    """Take a place offered to the person's verified address. Raises what `accept_link` raises."""
    sessions.hold_author(user)
    return _accept(user, _locked(_own(user, invitation_id)), at=at)


@transaction.atomic
def decline_link(*, user: User, token: str, at: datetime) -> None:
    """Refuse the place that a mailed link offers. Raises NotFound, WrongAddressee or InvitationNotOpen."""
    _decline(_by_link(token, user), at=at)


@transaction.atomic
def decline(*, user: User, invitation_id: int, at: datetime) -> None:
    """Refuse a place offered to the person's verified address. Raises NotFound or InvitationNotOpen."""
    _decline(_locked(_own(user, invitation_id)), at=at)


def _by_link(token: str, user: User) -> OrganizationInvitation:
    """Return what a link offers, locked; one that was replaced by a newer mail's while we waited is none of ours."""
    found = find(token)
    require_addressee(found, user)
    invitation = _locked(found)
    if not crypto.equal(bytes(invitation.digest), crypto.digest(token)):
        raise NotFound(_NO_SUCH_LINK)
    return invitation


def require_addressee(invitation: OrganizationInvitation, user: User) -> None:
    """Raise WrongAddressee unless the invitation is for the person's address."""
    if invitation.email != user.email:
        raise WrongAddressee


def _own(user: User, invitation_id: int) -> OrganizationInvitation:
    # Whoever has merely typed the address at registration is shown nothing: the mailed link is the proof.
    found = selectors.invitations_to(user).filter(pk=invitation_id).first()
    if found is None:
        raise NotFound
    return found


def _accept(user: User, invitation: OrganizationInvitation, *, at: datetime) -> OrganizationMember:
    invitations.require_open(invitation, at=at)
    _require_backing(invitation)
    member = members.add_member(
        organization=invitation.organization,
        user=user,
        role=invitation.role,
        custom_role=invitation.custom_role,
    )
    _answer(invitation, Status.ACCEPTED, at=at)
    publish(
        InvitationAccepted(
            organization_id=invitation.organization_id,
            invitation_id=invitation.pk,
            user_id=user.pk,
        ),
        **changes.of(status=(Status.PENDING, Status.ACCEPTED)),
    )
    if invitation.invited_by_id is not None:
        notices.notify(
            users=[invitation.invited_by_id],
            kind="invitation.accepted",
            title=f"{user} has joined {invitation.organization.name}",
            link="/team/",
        )
    return member


def _require_backing(invitation: OrganizationInvitation) -> None:
    """An invitation is as good as the right of whoever sent it last, who may still offer all that it offers."""
    sender = invitation.invited_by
    if sender is None:
        return
    rows = access.memberships().filter(organization_id=invitation.organization_id, user=sender)
    member = rows.first()
    held = access.as_member(member, sender).held if member and sender.is_active else frozenset()
    if not custom_roles.standing_of(invitation).permissions | {Permission.MEMBERS_WRITE} <= held:
        raise InvitationNotOpen("Whoever invited you may not offer this any more.")


def _decline(invitation: OrganizationInvitation, *, at: datetime) -> None:
    invitations.require_open(invitation, at=at)
    _answer(invitation, Status.DECLINED, at=at)
    publish(
        InvitationDeclined(
            organization_id=invitation.organization_id,
            invitation_id=invitation.pk,
            email=invitation.email,
        ),
        **changes.of(status=(Status.PENDING, Status.DECLINED)),
    )


def _locked(found: OrganizationInvitation) -> OrganizationInvitation:
    # First the organization, as everybody does who changes members or invitations.
    organization = access.lock(found.organization_id)
    return invitations.locked(access.on_behalf_of(organization), found.pk)


def _answer(invitation: OrganizationInvitation, status: str, *, at: datetime) -> None:
    invitation.status, invitation.closed_at = status, at
    invitation.save(update_fields=["status", "closed_at", "updated_at"])
