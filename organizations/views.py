"""Pages of organizations: switcher, settings, team. Each makes one call into the domain and answers."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from config.common import pagination
from config.common.errors import DomainError, NotFound
from organizations import selectors
from organizations.access import Tenant
from organizations.forms import CreateOrganizationForm, RoleForm, SettingsForm
from organizations.models import OrganizationMember, Role
from organizations.permissions import member_required, require_noted, tenant_of_page
from organizations.roles import Permission
from organizations.services import members, organizations

_PAGE_SIZE = 50


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def switch(request: HttpRequest) -> HttpResponse:
    """Offer the person's organizations, or take the chosen one as the one to work in."""
    if request.method != "POST":
        return render(request, "organizations/organization_switch.html")
    assert isinstance(request.user, User)
    chosen = request.POST.get("organization", "")
    if not (chosen.isascii() and chosen.isdigit()):
        raise NotFound
    organizations.select_organization(
        user=request.user, organization_id=int(chosen), at=timezone.now()
    )
    return redirect("site:home")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def create(request: HttpRequest) -> HttpResponse:
    """Create an organization and go on working in it."""
    assert isinstance(request.user, User)
    form = CreateOrganizationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = organizations.create_organization(
                owner=request.user, name=form.cleaned_data["name"]
            )
        except DomainError as error:
            form.refuse(error)
        else:
            organizations.select_organization(
                user=request.user, organization_id=made.pk, at=timezone.now()
            )
            messages.success(request, f"{made.name} is yours.")
            return redirect("site:home")
    return render(request, "organizations/organization_create.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.ORGANIZATION_READ)
def settings(request: HttpRequest) -> HttpResponse:
    """Show the organization's settings; change them where the role allows it."""
    tenant = tenant_of_page(request)
    form = SettingsForm(request.POST if request.method == "POST" else None, tenant=tenant)
    if request.method == "POST":
        require_noted(tenant, Permission.ORGANIZATION_WRITE)
    if form.is_valid():
        organizations.update_organization(organization=tenant.organization, changes=form.settings())
        messages.success(request, "The settings are saved.")
        return redirect("organizations:settings")
    context = {"form": form, "can_write": tenant.may(Permission.ORGANIZATION_WRITE)}
    return render(request, "organizations/organization_settings.html", context)


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One line of the team page: a member, and what the person who looks may do with them."""

    member: OrganizationMember
    is_me: bool
    roles: list[tuple[str, str]]
    can_remove: bool


@require_safe
@member_required(Permission.MEMBERS_READ)
def member_list(request: HttpRequest) -> HttpResponse:
    """List who belongs to the organization, the newest first."""
    tenant = tenant_of_page(request)
    page = pagination.paginate(
        selectors.members_of(tenant.organization),
        cursor=request.GET.get("cursor", ""),
        limit=_PAGE_SIZE,
        bound_to=f"{request.path}:{tenant.organization.pk}",
    )
    context = {
        "members": [_row(tenant, member) for member in page.rows],
        "can_write": tenant.may(Permission.MEMBERS_WRITE),
        "page": {"next_url": _url(page.next_cursor), "prev_url": _url(page.prev_cursor)},
    }
    return render(request, "organizations/member_list.html", context)


def _row(tenant: Tenant, member: OrganizationMember) -> MemberRow:
    is_me = tenant.user is not None and member.user_id == tenant.user.pk
    may_owners = tenant.may(Permission.OWNERS_WRITE)
    may_touch = tenant.may(Permission.MEMBERS_WRITE) and (may_owners or member.role != Role.OWNER)
    offered = [(value, label) for value, label in Role.choices if may_owners or value != Role.OWNER]
    return MemberRow(
        member=member,
        is_me=is_me,
        roles=offered if may_touch else [],
        can_remove=is_me or may_touch,
    )


def _url(cursor: str | None) -> str:
    return f"?{urlencode({'cursor': cursor})}" if cursor else ""


@require_POST
@member_required(Permission.MEMBERS_WRITE)
def member_role(request: HttpRequest, user_id: int) -> HttpResponse:
    """Give a member another role."""
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose one of the roles.")
        return redirect("organizations:member-list")
    role = form.cleaned_data["role"]
    try:
        member = members.change_role(tenant=tenant_of_page(request), user_id=user_id, role=role)
    except DomainError as error:
        return _refused(request, error)
    messages.success(request, f"{member.user} is {Role(role).label.lower()} now.")
    return redirect("organizations:member-list")


@require_POST
@member_required(Permission.MEMBERS_READ)
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


def _refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    """Show a conflict on the page; what is missing or forbidden stays what it is."""
    if error.status != 409:
        raise error
    messages.error(request, f"{error.detail} {error.fix}")
    return redirect("organizations:member-list")
