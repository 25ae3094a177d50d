"""Pages of the team: who belongs to the organization, who is invited, and what each one is."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.permissions import login_required, proof_first
from config.common.errors import Conflict, DomainError
from config.common.forms import form_page
from config.common.portal import page_of
from organizations import selectors
from organizations.access import Tenant
from organizations.forms import InviteForm, RoleForm, choice_of, role_choices
from organizations.models import OrganizationInvitation, OrganizationMember, Role
from organizations.permissions import member_required, tenant_of_page
from organizations.roles import Permission
from organizations.services import custom_roles, invitations, members

_PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One line of the team page: a member, and what the person who looks may do with them."""

    member: OrganizationMember
    is_me: bool
    chosen: str
    roles: list[tuple[str, str]]
    can_remove: bool


@require_safe
@member_required(Permission.MEMBERS_READ)
def member_list(request: HttpRequest) -> HttpResponse:
    """List who belongs to the organization, the newest first, and who is invited."""
    tenant = tenant_of_page(request)
    rows = selectors.members_of(tenant.organization)
    page = page_of(request, rows, whose=tenant.organization, size=_PAGE_SIZE)
    can_write = tenant.may(Permission.MEMBERS_WRITE)
    offered = role_choices(tenant) if can_write else []
    context = {
        "members": [_row(tenant, member, offered) for member in page.rows],
        "invitations": [
            InvitationRow(invitation, can_write)
            for invitation in selectors.waiting_invitations_of(tenant.organization)
        ],
        "can_write": can_write,
        "page": page.urls(),
    }
    return render(request, "organizations/member_list.html", context)


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """One line of the invitations that wait for an answer."""

    invitation: OrganizationInvitation
    can_write: bool


def _row(tenant: Tenant, member: OrganizationMember, offered: list[tuple[str, str]]) -> MemberRow:
    is_me = tenant.user is not None and member.user_id == tenant.user.pk
    standing = custom_roles.standing_of(member)
    may_touch = bool(offered) and standing.permissions <= tenant.held
    return MemberRow(
        member=member,
        is_me=is_me,
        chosen=choice_of(standing),
        roles=offered if may_touch else [],
        can_remove=is_me or may_touch,
    )


@require_POST
@member_required(Permission.MEMBERS_WRITE)
def member_role(request: HttpRequest, user_id: int) -> HttpResponse:
    """Give a member another role."""
    tenant = tenant_of_page(request)
    form = RoleForm(request.POST, tenant=tenant)
    if not form.is_valid():
        messages.error(request, "Choose one of the roles.")
        return redirect("organizations:member-list")
    asked = _proof_first(request, form, "organizations:member-list")
    if asked is not None:
        return asked
    try:
        member = members.change_role(tenant=tenant, user_id=user_id, **form.standing())
    except DomainError as error:
        return _refused(request, error)
    messages.success(request, f"{member.user} is {member.role_name.lower()} now.")
    return redirect("organizations:member-list")


@require_POST
@member_required(Permission.ORGANIZATION_READ)
def member_remove(request: HttpRequest, user_id: int) -> HttpResponse:
    """Remove a member, or leave."""
    tenant = tenant_of_page(request)
    try:
        members.remove_member(tenant=tenant, user_id=user_id)
    except DomainError as error:
        return _refused(request, error)
    if user_id == request.user.pk:
        messages.success(request, f"You have left {tenant.organization.name}.")
        return redirect("organizations:switch")
    messages.success(request, "The member is removed.")
    return redirect("organizations:member-list")


@require_POST
@login_required
def leave(request: HttpRequest, organization_id: int) -> HttpResponse:
    """Leave an organization, also one whose security policy keeps the person out."""
    assert isinstance(request.user, User)
    try:
        left = members.leave(user=request.user, organization_id=organization_id)
    except Conflict as error:
        messages.error(request, error.told())
    else:
        messages.success(request, f"You have left {left.name}.")
    return redirect("organizations:switch")


@form_page
@member_required(Permission.MEMBERS_WRITE)
def invite(request: HttpRequest) -> HttpResponse:
    """Ask whom to invite as what, and mail the link."""
    tenant = tenant_of_page(request)
    form = InviteForm(request.POST or None, tenant=tenant)
    if form.is_valid():
        asked = _proof_first(request, form, "organizations:invite")
        if asked is not None:
            return asked
        email = form.cleaned_data["email"]
        try:
            invitations.invite(tenant=tenant, email=email, at=timezone.now(), **form.standing())
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, f"We have written to {email}. The link works for seven days.")
            return redirect("organizations:member-list")
    return render(request, "organizations/invite.html", {"form": form})


@require_POST
@member_required(Permission.MEMBERS_WRITE)
def invitation_resend(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Mail a new link."""
    tenant = tenant_of_page(request)
    try:
        sent = invitations.resend(tenant=tenant, invitation_id=invitation_id, at=timezone.now())
    except DomainError as error:
        return _refused(request, error)
    messages.success(
        request, f"We have written to {sent.email} again; earlier links are worthless."
    )
    return redirect("organizations:member-list")


@require_POST
@member_required(Permission.MEMBERS_WRITE)
def invitation_revoke(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Take an invitation back."""
    tenant = tenant_of_page(request)
    try:
        invitations.revoke(tenant=tenant, invitation_id=invitation_id, at=timezone.now())
    except DomainError as error:
        return _refused(request, error)
    messages.success(request, "The invitation is taken back.")
    return redirect("organizations:member-list")


def _proof_first(request: HttpRequest, form: RoleForm, page: str) -> HttpResponse | None:
    """Ask whoever makes an owner to prove who they are, as for handing the organization over."""
    if form.cleaned_data["role"] != Role.OWNER:
        return None
    return proof_first(request, back_to=reverse(page))


def _refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    """Show a conflict on the page; what is missing or forbidden stays what it is."""
    if error.status not in {409, 429}:
        raise error
    messages.error(request, error.told())
    return redirect("organizations:member-list")
