"""Pages of the second factor: setting an app up, turning it off, new recovery codes, and giving one for the back office."""

from collections.abc import Callable
from urllib.parse import quote, urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe

from accounts import middleware, services
from accounts.forms import CodeForm, FirstCodeForm, PasswordAndCodeForm
from accounts.models import User
from accounts.permissions import login_required, own_page, recently_authenticated
from accounts.services.factors import InvalidCode
from accounts.services.passkeys import LastFactor
from accounts.services.proof import WrongPassword
from accounts.services.registration import EmailNotVerified
from accounts.services.two_factor import TwoFactorIsOff, TwoFactorIsOn
from config.common import once
from config.common.errors import TooManyRequests, Unauthenticated
from config.common.forms import form_page, with_form


@form_page
@login_required
@recently_authenticated
@once.form
def set_up(request: HttpRequest) -> HttpResponse:
    """Show what an authenticator app needs, and turn two-factor authentication on with its first code."""
    user = _person(request)
    if "totp" in services.factors.second_factors(user):
        messages.info(request, "Two-factor authentication is on.")
        return redirect("accounts:security")
    form = FirstCodeForm(request.POST if "code" in request.POST else None)
    if request.method == "POST" and "code" not in request.POST:
        return _begin(request, user)
    if request.method == "POST" and form.is_valid():
        try:
            codes = services.two_factor.confirm(
                user=user,
                session_id=middleware.session_id_of(request),
                code=form.cleaned_data["code"],
                at=timezone.now(),
            )
        except (InvalidCode, TooManyRequests) as error:
            form.refuse(error)
            return _set_up_page(request, user, form)
        except (TwoFactorIsOn, TwoFactorIsOff) as error:
            messages.error(request, error.detail)
            return redirect("accounts:security")
        return codes_page(request, codes)
    return _set_up_page(request, user, form)


def _begin(request: HttpRequest, user: User) -> HttpResponse:
    try:
        services.two_factor.enable(user=user)
    except (EmailNotVerified, TwoFactorIsOn) as error:
        messages.error(request, error.told())
        return redirect("accounts:security")
    wanted = request.POST.get("next", "")
    query = f"?{urlencode({'next': wanted})}" if wanted else ""
    return HttpResponseRedirect(f"{reverse('accounts:two-factor')}{query}")


def _set_up_page(request: HttpRequest, user: User, form: FirstCodeForm) -> HttpResponse:
    enrolment = services.two_factor.enrolment_of(user)
    context = {
        "enrolment": enrolment,
        # Drawn by us from numbers, and nothing else.
        "qr": mark_safe(enrolment.qr_svg) if enrolment else "",  # noqa: S308
        "next": _next(request),
    }
    return with_form(request, "accounts/two_factor_set_up.html", form, **context)


def codes_page(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """Show new recovery codes in this one answer, to be kept or printed."""
    text = "".join(f"{code}\n" for code in codes)
    context = {
        "codes": codes,
        "text": text,
        "file": f"data:text/plain;charset=utf-8,{quote(text)}",
        "next": _next(request),
    }
    return once.reveal(
        request,
        "accounts/recovery_codes.html",
        context,
        instead=reverse("accounts:security"),
        hint="Recovery codes are shown once: replace them if you did not keep them.",
    )


@form_page
@login_required
def turn_off(request: HttpRequest) -> HttpResponse:
    """Forget the authenticator app of a person who gives the password and a code."""
    user = _person(request)
    if "totp" not in services.factors.second_factors(user):
        return _nothing_to_do(request, "Two-factor authentication is off already.")

    def disable(password: str, code: str) -> HttpResponse:
        services.two_factor.disable(
            user=user,
            session_id=middleware.session_id_of(request),
            password=password,
            code=code,
            at=timezone.now(),
        )
        messages.success(request, "Two-factor authentication is off.")
        return redirect("accounts:security")

    return _proved(request, "accounts/two_factor_turn_off.html", disable)


@form_page
@login_required
@once.form
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Give a person who gives the password and a code new recovery codes."""
    user = _person(request)
    if not services.factors.has_second_factor(user):
        return _nothing_to_do(
            request, "Recovery codes come with a second factor: set one up first."
        )

    def replace(password: str, code: str) -> HttpResponse:
        codes = services.two_factor.replace_recovery_codes(
            user=user, password=password, code=code, at=timezone.now()
        )
        return codes_page(request, codes)

    return _proved(request, "accounts/recovery_codes_replace.html", replace)


def _proved(
    request: HttpRequest, template: str, act: Callable[[str, str], HttpResponse]
) -> HttpResponse:
    """Ask for the password and a code; act when both are right."""
    form = PasswordAndCodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return act(form.cleaned_data["password"], form.cleaned_data["code"])
        except (InvalidCode, WrongPassword, TooManyRequests) as error:
            form.refuse(error)
        except (TwoFactorIsOff, LastFactor) as error:
            messages.error(request, error.told())
            return redirect("accounts:security")
    return with_form(request, template, form)


@form_page
@login_required
def second_factor(request: HttpRequest) -> HttpResponse:
    """Ask for a second factor in a session that was opened without one, and go on."""
    user = _person(request)
    if not services.factors.has_second_factor(user):
        return _nothing_to_do(request, "You have no second factor yet: set one up first.")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        session = middleware.live_session_of(request)
        if session is None:
            raise Unauthenticated
        try:
            services.step_up.reauthenticate(
                session=session, code=form.cleaned_data["code"], at=timezone.now()
            )
        except (InvalidCode, TooManyRequests) as error:
            form.refuse(error)
        else:
            return HttpResponseRedirect(_next(request) or reverse("accounts:security"))
    context = {"methods": services.factors.second_factors(user), "next": _next(request)}
    return with_form(request, "accounts/second_factor.html", form, **context)


def _nothing_to_do(request: HttpRequest, why: str) -> HttpResponse:
    """Lead somebody without a second factor to where they get one."""
    messages.info(request, why)
    return redirect("accounts:security")


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", request.GET.get("next", ""))
    return own_page(request, wanted, otherwise="")
