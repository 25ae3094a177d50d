"""The security page: second factors, where the person is signed in, and which devices are trusted."""

from django.contrib import messages
from django.contrib.auth import logout as forget_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts import middleware, selectors, services
from accounts.models import User
from accounts.permissions import login_required
from config.common.errors import NotFound


@require_safe
@login_required
def security(request: HttpRequest) -> HttpResponse:
    """Show how the account is protected, and from where it is used."""
    assert isinstance(request.user, User)
    now = timezone.now()
    methods = services.factors.second_factors(request.user)
    sessions = selectors.open_sessions(request.user, at=now)
    trusted = selectors.trusted_devices(request.user, at=now)
    context = {
        "has_app": "totp" in methods,
        "has_second_factor": bool({"totp", "passkey"} & set(methods)),
        "codes_left": services.recovery_codes.left_of(request.user),
        "passkeys": selectors.passkeys_of(request.user),
        "sessions": sessions.order_by("-last_used_at", "-id"),
        "current_session_id": middleware.session_id_of(request),
        "trusted_devices": trusted.order_by("-last_used_at", "-id"),
    }
    return render(request, "accounts/security.html", context)


@require_POST
@login_required
def session_end(request: HttpRequest, session_id: int) -> HttpResponse:
    """Sign one device out."""
    assert isinstance(request.user, User)
    if not services.sessions.end(user=request.user, session_id=session_id):
        raise NotFound
    messages.success(request, "The device is signed out.")
    return redirect("accounts:security")


@require_POST
@login_required
def other_sessions_end(request: HttpRequest) -> HttpResponse:
    """Sign every other device out."""
    assert isinstance(request.user, User)
    services.sessions.end_others(user=request.user, keep=middleware.session_id_of(request))
    messages.success(request, "Every other device is signed out.")
    return redirect("accounts:security")


@require_POST
@login_required
def all_sessions_end(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere, here, too."""
    assert isinstance(request.user, User)
    services.sessions.end_all(user=request.user, reason="ended_by_user")
    forget_login(request)
    messages.success(request, "You are signed out everywhere.")
    return redirect("accounts:login")


@require_POST
@login_required
def device_remove(request: HttpRequest, device_id: int) -> HttpResponse:
    """Trust a device no more, and forget it."""
    assert isinstance(request.user, User)
    if not services.devices.remove(user=request.user, device_id=device_id):
        raise NotFound
    messages.success(
        request, "The device is forgotten: the next sign-in there asks for everything."
    )
    return redirect("accounts:security")
