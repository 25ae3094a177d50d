"""The page that asks who is signed in to prove it again, and leads back to where they were."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone

from accounts import middleware, services
from accounts.forms import ConfirmByCodeForm, ConfirmByPasswordForm, PasskeyForm
from accounts.models import Session
from accounts.permissions import login_required, own_page
from accounts.throttles import paced
from config.common.errors import DomainError
from config.common.forms import RefusableForm, form_page, with_form

_FORMS: dict[str, type[RefusableForm]] = {
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
    if form is not None and form.is_valid():
        try:
            proof: dict[str, Any] = form.cleaned_data
            services.step_up.reauthenticate(session=session, at=timezone.now(), **proof)
        except DomainError as error:
            form.refuse(error)
        else:
            return HttpResponseRedirect(back_to)
    shown = {f"{name}_form": one for name, one in asked.items()}
    return with_form(request, "accounts/confirm.html", form, next=back_to, **shown)


def _forms_for(session: Session, request: HttpRequest) -> dict[str, RefusableForm]:
    """Return a form for each way that this person has; the one that was sent holds what was sent."""
    by = request.POST.get("by")
    return {
        method: _FORMS[method](request.POST if method == by else None)
        for method in services.step_up.methods_of(session.user)
    }
