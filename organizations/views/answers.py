"""What whoever is invited sees: the page behind the mailed link, and the answers."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import middleware
from accounts.models import User
from accounts.permissions import login_required
from config.common.errors import DomainError
from config.common.forms import form_page
from organizations.models import OrganizationInvitation, OrganizationMember
from organizations.services import answers, invitations, organizations


@form_page
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show what the link offers; whoever has the invited address accepts or declines with one click."""
    try:
        found = answers.find(token)
        invitations.require_open(found, at=timezone.now())
        if isinstance(request.user, User):
            answers.require_addressee(found, request.user)
            if request.method == "POST":
                return _answer(request, request.user, found, token)
        else:
            middleware.expect(request, found.email)
    except DomainError as error:
        context = {"error": error, "is_for_another": isinstance(error, answers.WrongAddressee)}
        return render(request, "organizations/invitation.html", context, status=error.status)
    return render(request, "organizations/invitation.html", {"invitation": found})


def _answer(
    request: HttpRequest, user: User, found: OrganizationInvitation, token: str
) -> HttpResponse:
    if request.POST.get("answer") == "decline":
        answers.decline_link(user=user, token=token, at=timezone.now())
        messages.success(request, f"You have declined to join {found.organization.name}.")
        return redirect("organizations:switch")
    return _enter(request, user, answers.accept_link(user=user, token=token, at=timezone.now()))


@require_POST
@login_required
def answer(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Accept or decline an invitation to one's own verified address."""
    assert isinstance(request.user, User)
    try:
        if request.POST.get("answer") != "decline":
            member = answers.accept(
                user=request.user, invitation_id=invitation_id, at=timezone.now()
            )
            return _enter(request, request.user, member)
        answers.decline(user=request.user, invitation_id=invitation_id, at=timezone.now())
    except DomainError as error:
        if error.status != 409:
            raise
        messages.error(request, error.told())
    else:
        messages.success(request, "You have declined the invitation.")
    return redirect("organizations:switch")


def _enter(request: HttpRequest, user: User, member: OrganizationMember) -> HttpResponse:
    """Go on in the organization that was joined."""
    organizations.select_organization(
        user=user, organization_id=member.organization_id, at=timezone.now()
    )
    messages.success(request, f"You belong to {member.organization.name} now.")
    return redirect("site:home")
