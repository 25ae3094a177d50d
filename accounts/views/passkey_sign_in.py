"""Signing in to the portal by passkey: alone, or after the password. The page's script has put the answer into the form."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import services
from accounts.forms import PasskeyForm
from accounts.services.sign_in import SignInExpired
from accounts.throttles import paced
from accounts.views.sign_in import PENDING, door_of, go_in, query_of
from config.common import problems
from config.common.errors import DomainError


@require_POST
@paced("login")
def sign_in(request: HttpRequest) -> HttpResponse:
    """Let somebody in whose passkey signed, or say why not, beside the other ways."""
    form = PasskeyForm(request.POST)
    if not form.is_valid():
        return _back(request, "accounts:login", str(form.non_field_errors()[0]))
    try:
        entered = services.assertions.sign_in(
            **form.cleaned_data, door=door_of(request), at=timezone.now()
        )
    except DomainError as error:
        return _back(request, "accounts:login", error.told())
    return go_in(request, entered)


@require_POST
@paced("login")
def second_factor_options(request: HttpRequest) -> HttpResponse:
    """Tell the page's script what to ask the device of somebody whose password was right."""
    token = request.session.get(PENDING, "")
    try:
        options = services.assertions.begin_second_factor(token=token, at=timezone.now())
    except DomainError as error:
        return problems.response(request, error)
    return JsonResponse(options)


@require_POST
@paced("login")
def second_factor(request: HttpRequest) -> HttpResponse:
    """Let somebody in whose password was right and whose passkey signed."""
    form = PasskeyForm(request.POST)
    if not form.is_valid():
        return _back(request, "accounts:login-code", str(form.non_field_errors()[0]))
    token = request.session.get(PENDING, "")
    try:
        entered = services.assertions.finish_sign_in(
            token=token, **form.cleaned_data, door=door_of(request), at=timezone.now()
        )
    except SignInExpired as error:
        return _back(request, "accounts:login", error.detail)
    except DomainError as error:
        return _back(request, "accounts:login-code", error.told())
    return go_in(request, entered)


def _back(request: HttpRequest, page: str, why: str) -> HttpResponse:
    messages.error(request, why)
    return HttpResponseRedirect(f"{reverse(page)}?{query_of(request)}")
