"""Pages for people who are not signed in: register, sign in and out, verify the address."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login as remember_login
from django.contrib.auth import logout as forget_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.forms import EmailForm, LoginForm, RegisterForm, show
from accounts.models import User
from accounts.services.registration import VerificationFailed
from accounts.services.sessions import InvalidCredentials
from accounts.throttles import paced
from config.common.errors import InvalidInput, TooManyRequests

_BACKEND = "accounts.backends.GuardedBackend"
form_page = require_http_methods(["GET", "HEAD", "POST"])


@form_page
@paced("register")
def register(request: HttpRequest) -> HttpResponse:
    """Open an account; the answer is the same for an address that has one."""
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    form = RegisterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.registration.register(**form.cleaned_data)
        except InvalidInput as error:
            show(form, error)
        else:
            context = {"email": form.cleaned_data["email"]}
            return render(request, "accounts/register_done.html", context)
    return render(request, "accounts/register.html", {"form": form})


@form_page
@paced("login")
def login(request: HttpRequest) -> HttpResponse:
    """Sign in with address and password."""
    if request.user.is_authenticated:
        return HttpResponseRedirect(_next(request))
    form = LoginForm(request.POST or None)
    status, headers = 200, dict[str, str]()
    if request.method == "POST" and form.is_valid():
        try:
            user = services.sessions.authenticate(**form.cleaned_data, at=timezone.now())
        except InvalidCredentials as error:
            show(form, error)
        except TooManyRequests as error:
            show(form, error)
            status, headers = error.status, error.headers
        else:
            remember_login(request, user, backend=_BACKEND)
            return HttpResponseRedirect(_next(request))
    context = {"form": form, "next": request.GET.get("next", request.POST.get("next", ""))}
    page = render(request, "accounts/login.html", context, status=status)
    for name, value in headers.items():
        page[name] = value
    return page


def _next(request: HttpRequest) -> str:
    """Return where to go after signing in: only to a page of our own."""
    wanted = request.POST.get("next", request.GET.get("next", ""))
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else settings.LOGIN_REDIRECT_URL


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Sign out here; other devices stay signed in."""
    forget_login(request)
    messages.success(request, "You are signed out.")
    return redirect(settings.LOGOUT_REDIRECT_URL)


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
