"""The page that asks who is signed in to prove it again, and leads back to where they were."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts import middleware, services
from accounts.forms import ConfirmByCodeForm, ConfirmByPasswordForm, PasskeyForm, show
from accounts.models import Session
from accounts.permissions import login_required, own_page
from accounts.throttles import paced
from config.common.errors import DomainError, TooManyRequests
from config.common.forms import form_page

_FORMS: dict[str, type[forms.Form]] = {
    "password": ConfirmByPasswordForm,
    "code": ConfirmByCodeForm,
    "passkey": PasskeyForm,
}


@form_page
@login_required
@paced("login")
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask for the password, a code or a passkey, then go on to the page that needs to know."""
    wanted = request.POST.get("next", request.GET.get("next", ""))
    back_to = own_page(request, wanted, otherwise=settings.LOGIN_REDIRECT_URL)
    session = middleware.live_session_of(request)
    if session is None:
        return redirect(settings.LOGIN_URL)
    if request.method != "POST" and services.step_up.is_recent(session, at=timezone.now()):
        return HttpResponseRedirect(back_to)
    asked = _forms_for(session, request)
    form = asked.get(request.POST.get("by", ""))
    refusal: DomainError | None = None
    if form is not None and form.is_valid():
        try:
            proof: dict[str, Any] = form.cleaned_data
            services.step_up.reauthenticate(session=session, at=timezone.now(), **proof)
        except DomainError as error:
            show(form, error)
            refusal = error
        else:
            return HttpResponseRedirect(back_to)
    context = {"next": back_to, **{f"{name}_form": form for name, form in asked.items()}}
    return _page(request, context, refusal)


def _page(
    request: HttpRequest, context: dict[str, Any], refusal: DomainError | None
) -> HttpResponse:
    """Show the forms; a pause after wrong answers is said in the status, too."""
    is_paused = isinstance(refusal, TooManyRequests)
    page = render(request, "accounts/confirm.html", context, status=429 if is_paused else 200)
    for name, value in (refusal.headers if refusal else {}).items():
        page[name] = value
    return page


def _forms_for(session: Session, request: HttpRequest) -> dict[str, forms.Form]:
    """Return a form for each way that this person has; the one that was sent holds what was sent."""
    by = request.POST.get("by")
    return {
        method: _FORMS[method](request.POST if method == by else None)
        for method in services.step_up.methods_of(session.user)
    }
