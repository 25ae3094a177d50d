"""Pages for people who are not signed in: register, sign in and out, verify the address."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout as forget_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import middleware, services
from accounts.forms import EmailForm, LoginForm, RegisterForm, SecondFactorForm
from accounts.models import Session, User
from accounts.permissions import own_page
from accounts.services.registration import VerificationFailed
from accounts.services.sessions import InvalidCredentials
from accounts.services.sign_in import Door, Entered, SecondFactorRefused, SignInExpired
from accounts.throttles import paced
from config.common.errors import InvalidInput, TooManyRequests
from config.common.forms import form_page, with_form

# The sign-in that waits for its second factor in this browser.
PENDING = "accounts_pending_sign_in"


@form_page
@paced("register")
def register(request: HttpRequest) -> HttpResponse:
    """Open an account; the answer is the same for an address that has one."""
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    form = RegisterForm(request.POST or None, initial=_known(request))
    if request.method == "POST" and form.is_valid():
        try:
            services.registration.register(**form.cleaned_data)
        except InvalidInput as error:
            form.refuse(error)
        else:
            context = {"email": form.cleaned_data["email"], "next": _wanted(request)}
            return render(request, "accounts/register_done.html", context)
    return with_form(request, "accounts/register.html", form, next=_wanted(request))


@form_page
@paced("login")
def login(request: HttpRequest) -> HttpResponse:
    """Sign in with address and password."""
    if request.user.is_authenticated:
        return HttpResponseRedirect(_next(request))
    form = LoginForm(request.POST or None, initial=_known(request))
    if request.method == "POST" and form.is_valid():
        try:
            result = services.sign_in.begin(
                **form.cleaned_data, door=door_of(request), at=timezone.now()
            )
        except (InvalidCredentials, TooManyRequests) as error:
            form.refuse(error)
        else:
            if isinstance(result, Entered):
                return go_in(request, result)
            request.session[PENDING] = result.token
            return HttpResponseRedirect(f"{reverse('accounts:login-code')}?{query_of(request)}")
    return with_form(request, "accounts/login.html", form, next=_wanted(request))


@form_page
@paced("login")
def login_code(request: HttpRequest) -> HttpResponse:
    """Ask somebody whose password was right for a second factor."""
    if request.user.is_authenticated:
        return HttpResponseRedirect(_next(request))
    try:
        return _login_code(request, request.session.get(PENDING, ""))
    except SignInExpired as error:
        messages.error(request, error.detail)
        return HttpResponseRedirect(f"{reverse('accounts:login')}?{query_of(request)}")


def _login_code(request: HttpRequest, token: str) -> HttpResponse:
    pending = services.sign_in.pending_of(token=token, at=timezone.now())
    form = SecondFactorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        door = door_of(request, trust_device=given["trust_device"])
        try:
            entered = services.sign_in.finish(
                token=token, code=given["code"], door=door, at=timezone.now()
            )
        except (SecondFactorRefused, TooManyRequests) as error:
            form.refuse(error)
        else:
            return go_in(request, entered)
    methods = services.factors.second_factors(pending.user)
    context = {"methods": methods, "next": _wanted(request)}
    return with_form(request, "accounts/login_code.html", form, **context)


def door_of(request: HttpRequest, *, trust_device: bool = False) -> Door:
    """Return where somebody comes in: the portal, with this browser."""
    known = middleware.device_token_of(request)
    token = known if services.devices.is_token(known) else services.devices.new_token()
    return Door(kind=Session.Kind.PORTAL, device_token=token, trust_device=trust_device)


def go_in(request: HttpRequest, entered: Entered) -> HttpResponse:
    """Give the browser its cookies and go on."""
    request.session.pop(PENDING, None)
    middleware.enter(request, entered.session)
    response = HttpResponseRedirect(_next(request))
    middleware.keep_device_token(response, entered.device_token)
    return response


def query_of(request: HttpRequest) -> str:
    """Return the query that keeps in mind where to go after signing in."""
    return urlencode({"next": _next(request)})


def _next(request: HttpRequest) -> str:
    """Return where to go after signing in: only to a page of our own."""
    return own_page(request, _wanted(request), otherwise=settings.LOGIN_REDIRECT_URL)


def _wanted(request: HttpRequest) -> str:
    return request.POST.get("next", request.GET.get("next", ""))


def _known(request: HttpRequest) -> dict[str, str]:
    return {"email": middleware.expected_address(request)}


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Sign out here, and go on where the form says; other devices stay signed in."""
    forget_login(request)
    messages.success(request, "You are signed out.")
    wanted = request.POST.get("next", "")
    return HttpResponseRedirect(own_page(request, wanted, otherwise=settings.LOGOUT_REDIRECT_URL))


@form_page
@paced("verify")
def verify_email(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for one click, then use the link: mail scanners follow links, but press no buttons."""
    if request.method != "POST":
        return render(request, "accounts/verify_email.html")
    try:
        user = services.registration.verify_email(token=token, at=timezone.now())
    except VerificationFailed as error:
        return render(request, "accounts/verify_email.html", {"error": error}, status=error.status)
    return render(request, "accounts/email_verified.html", {"email": user.email})


@form_page
@paced("resend")
def verify_email_resend(request: HttpRequest) -> HttpResponse:
    """Mail another link; the answer is the same for every address."""
    known = request.user.email if isinstance(request.user, User) else ""
    form = EmailForm(request.POST or None, initial={"email": known})
    if request.method == "POST" and form.is_valid():
        services.registration.resend_verification(email=form.cleaned_data["email"])
        messages.success(
            request, "If the address has an account to be verified, a new link is on its way to it."
        )
        return redirect("accounts:verify-email-resend")
    return render(request, "accounts/verify_email_resend.html", {"form": form})
