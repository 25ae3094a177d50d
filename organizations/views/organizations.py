"""Pages of the organization itself: switcher, settings, handing over, closing."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.permissions import login_required, recently_authenticated
from config.common import once
from config.common.errors import DomainError, NotFound
from config.common.forms import form_page
from config.common.ids import id_in
from organizations import selectors
from organizations.forms import CloseForm, CreateOrganizationForm, SettingsForm, TransferForm
from organizations.permissions import member_required, require_permission, tenant_of_page
from organizations.roles import Permission
from organizations.services import closing, members, organizations


@form_page
@login_required
def switch(request: HttpRequest) -> HttpResponse:
    """Offer the person's organizations, or take the chosen one as the one to work in."""
    assert isinstance(request.user, User)
    if request.method != "POST":
        context = {"invitations": selectors.waiting_invitations_to(request.user, at=timezone.now())}
        return render(request, "organizations/organization_switch.html", context)
    chosen = id_in(request.POST.get("organization", ""))
    if chosen is None:
        raise NotFound
    organizations.select_organization(user=request.user, organization_id=chosen, at=timezone.now())
    return redirect("site:home")


@form_page
@login_required
@once.form
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
            once.redeem(request, instead=reverse("site:home"), hint=f"{made.name} is yours.")
            messages.success(request, f"{made.name} is yours.")
            return redirect("site:home")
    return render(request, "organizations/organization_create.html", {"form": form})


@form_page
@member_required(Permission.ORGANIZATION_READ)
def settings(request: HttpRequest) -> HttpResponse:
    """Show the organization's settings; change them where the role allows it."""
    tenant = tenant_of_page(request)
    form = SettingsForm(request.POST if request.method == "POST" else None, tenant=tenant)
    if request.method == "POST":
        require_permission(tenant, Permission.ORGANIZATION_WRITE)
    if form.is_valid():
        organizations.update_organization(
            organization=tenant.organization, changes=form.settings(), by=tenant.user
        )
        messages.success(request, "The settings are saved.")
        return redirect("organizations:settings")
    context = {
        "form": form,
        "billing_fields": [name for name in form.fields if name != "name"],
        "can_write": tenant.may(Permission.ORGANIZATION_WRITE),
        "can_close": tenant.may(Permission.ORGANIZATION_CLOSE),
    }
    return render(request, "organizations/organization_settings.html", context)


@form_page
@member_required(Permission.OWNERS_WRITE)
@recently_authenticated
def transfer(request: HttpRequest) -> HttpResponse:
    """Ask for a member, then make them an owner and the person an admin."""
    tenant = tenant_of_page(request)
    form = TransferForm(request.POST or None, tenant=tenant)
    if form.is_valid():
        try:
            heir = members.transfer_ownership(
                tenant=tenant, user_id=int(form.cleaned_data["user_id"])
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, f"{heir.user} owns {tenant.organization.name} now.")
            return redirect("organizations:member-list")
    return render(request, "organizations/organization_transfer.html", {"form": form})


@form_page
@member_required(Permission.ORGANIZATION_CLOSE)
@recently_authenticated
def close(request: HttpRequest) -> HttpResponse:
    """Ask for the organization's name, then close it for good."""
    tenant = tenant_of_page(request)
    form = CloseForm(request.POST or None)
    if form.is_valid():
        try:
            closing.close(tenant=tenant, confirmation=form.cleaned_data["name"], at=timezone.now())
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, f"{tenant.organization.name} is closed.")
            return redirect("organizations:switch")
    context: dict[str, Any] = {"form": form, "organization": tenant.organization}
    return render(request, "organizations/organization_close.html", context)
