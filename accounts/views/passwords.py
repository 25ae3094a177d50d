"""Pages of passwords: ask for a link, set a new one with it, change it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts import middleware, services
from accounts.forms import ChangePasswordForm, EmailForm, NewPasswordForm
from accounts.models import User
from accounts.permissions import login_required
from accounts.services.passwords import ResetFailed
from accounts.throttles import paced
from config.common.errors import DomainError, InvalidInput
from config.common.forms import form_page, with_form


@form_page
@paced("resend")
def reset_request(request: HttpRequest) -> HttpResponse:
    """Mail a link to a new password; the answer is the same for every address."""
    form = EmailForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.passwords.request_reset(email=form.cleaned_data["email"], at=timezone.now())
        messages.success(
            request, "If the address has an account, a link to a new password is on its way to it."
        )
        return redirect("accounts:password-reset")
    return render(request, "accounts/password_reset.html", {"form": form})


@form_page
@paced("verify")
def reset(request: HttpRequest, token: str) -> HttpResponse:
    """Set a new password with a mailed link; nobody is signed in by it."""
    form = NewPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.passwords.reset(token=token, at=timezone.now(), **form.cleaned_data)
        except InvalidInput as error:
            form.refuse(error)
        except ResetFailed as error:
            context = {"error": error}
            return render(request, "accounts/password_new.html", context, status=error.status)
        else:
            messages.success(request, "Your password is set. Sign in with it.")
            return redirect("accounts:login")
    return render(request, "accounts/password_new.html", {"form": form})


@form_page
@login_required
def change(request: HttpRequest) -> HttpResponse:
    """Exchange the password; this device stays signed in, all others do not."""
    assert isinstance(request.user, User)
    form = ChangePasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            kept = services.passwords.change(
                user=request.user,
                session_id=middleware.session_id_of(request),
                at=timezone.now(),
                **form.cleaned_data,
            )
        except DomainError as error:
            form.refuse(error)
        else:
            request.session.cycle_key()
            middleware.remember(request, services.sessions.claims_of(kept))
            messages.success(request, "Your password is changed. Other devices are signed out.")
            return redirect("accounts:password-change")
    return with_form(request, "accounts/password_change.html", form)
