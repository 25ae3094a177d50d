"""Pages of rights: custom roles, permissions on single objects, and the security policy."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import proof_first
from config.common.errors import DomainError
from config.common.forms import form_page
from config.common.portal import page_of
from organizations import access, selectors
from organizations.forms import GrantForm, PolicyForm, ReplaceRoleForm, RoleSettingsForm
from organizations.models import CustomRole
from organizations.permissions import member_required, require_permission, tenant_of_page
from organizations.roles import GRANTS, MEANINGS, Permission, RoleName
from organizations.services import custom_roles, grants, security_policy

_PAGE_SIZE = 50


@require_safe
@member_required(Permission.MEMBERS_READ)
def role_list(request: HttpRequest) -> HttpResponse:
    """Show what each built-in role may do, and the organization's own roles."""
    tenant = tenant_of_page(request)
    ranks = [RoleName.OWNER, RoleName.ADMIN, RoleName.MEMBER, RoleName.VIEWER]
    context = {
        "matrix": [
            {
                "name": permission.value,
                "meaning": meaning,
                "roles": [rank.value for rank in ranks if permission in GRANTS[rank]],
            }
            for permission, meaning in MEANINGS.items()
        ],
        "roles": selectors.roles_of(tenant.organization).order_by("name"),
        "can_write": tenant.may(Permission.ROLES_WRITE),
    }
    return render(request, "organizations/role_list.html", context)


@form_page
@member_required(Permission.ROLES_WRITE)
def role_create(request: HttpRequest) -> HttpResponse:
    """Ask for a name and permissions, and make the role."""
    tenant = tenant_of_page(request)
    form = RoleSettingsForm(request.POST or None, tenant=tenant)
    if form.is_valid():
        try:
            role = custom_roles.create_role(tenant=tenant, **form.cleaned_data)
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, f"{role.name} can be given to members now.")
            return redirect("organizations:role-list")
    return render(request, "organizations/role_form.html", {"form": form})


@form_page
@member_required(Permission.ROLES_WRITE)
def role_edit(request: HttpRequest, role_id: int) -> HttpResponse:
    """Change a role; its holders have the new permissions at once."""
    tenant, role = tenant_of_page(request), _role(request, role_id)
    form = RoleSettingsForm(request.POST or None, tenant=tenant, role=role)
    if form.is_valid():
        try:
            custom_roles.update_role(tenant=tenant, role_id=role.pk, **form.cleaned_data)
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, "The changes hold at once.")
            return redirect("organizations:role-list")
    return render(request, "organizations/role_form.html", {"form": form, "role": role})


@form_page
@member_required(Permission.ROLES_WRITE)
def role_delete(request: HttpRequest, role_id: int) -> HttpResponse:
    """Ask what the holders are to have instead, then delete the role."""
    tenant, role = tenant_of_page(request), _role(request, role_id)
    form = ReplaceRoleForm(request.POST or None, tenant=tenant, role=role)
    if request.method == "POST" and form.is_valid():
        try:
            custom_roles.delete_role(tenant=tenant, role_id=role.pk, **form.replacement())
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, f"{role.name} is deleted.")
            return redirect("organizations:role-list")
    return render(request, "organizations/role_delete.html", {"form": form, "role": role})


def _role(request: HttpRequest, role_id: int) -> CustomRole:
    tenant = tenant_of_page(request)
    return access.row_of(tenant, selectors.roles_of(tenant.organization), pk=role_id)


@form_page
@member_required(Permission.MEMBERS_READ)
def grant_list(request: HttpRequest) -> HttpResponse:
    """List what members may do on single objects, and give more."""
    tenant = tenant_of_page(request)
    can_write = tenant.may(Permission.MEMBERS_WRITE)
    if request.method == "POST":
        require_permission(tenant, Permission.MEMBERS_WRITE)
    form = GrantForm(request.POST or None, tenant=tenant) if can_write else None
    if form is not None and form.is_valid():
        try:
            grants.give(tenant=tenant, **form.grant())
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, "The permission is given.")
            return redirect("organizations:grant-list")
    rows = selectors.grants_of(tenant.organization)
    page = page_of(request, rows, whose=tenant.organization, size=_PAGE_SIZE)
    context = {
        "grants": selectors.described(page.rows),
        "page": page.urls(),
        "form": form,
        "people": form.suggestions() if form else (),
        "can_write": can_write,
    }
    return render(request, "organizations/grant_list.html", context)


@require_POST
@member_required(Permission.MEMBERS_WRITE)
def grant_take(request: HttpRequest, grant_id: int) -> HttpResponse:
    """Take a permission on one object away."""
    grants.take(tenant=tenant_of_page(request), grant_id=grant_id)
    messages.success(request, "The permission is taken away.")
    return redirect("organizations:grant-list")


@form_page
@member_required(Permission.ORGANIZATION_READ)
def policy(request: HttpRequest) -> HttpResponse:
    """Show the security policy; change it where the role allows it."""
    tenant = tenant_of_page(request)
    if request.method == "POST":
        require_permission(tenant, Permission.SECURITY_WRITE)
    form = PolicyForm(request.POST if request.method == "POST" else None, tenant=tenant)
    if form.is_valid():
        asked = proof_first(request, back_to=request.path)
        if asked is not None:
            return asked
        try:
            security_policy.change_policy(tenant=tenant, changes=form.policy())
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, "The policy is saved. It holds for everybody's next request.")
            return redirect("organizations:policy")
    context = {
        "form": form,
        "can_write": tenant.may(Permission.SECURITY_WRITE),
    }
    return render(request, "organizations/security_policy.html", context)
