"""Pages of the person who is signed in: the profile and where they are signed in."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts import middleware, selectors, services
from accounts.forms import ProfileForm
from accounts.models import User
from config.common.errors import NotFound


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Show and change the profile; list where the person is signed in."""
    assert isinstance(request.user, User)
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=request.user.pk))
    if request.method == "POST" and form.is_valid():
        services.profile.update_profile(user=request.user, changes=form.cleaned_data)
        messages.success(request, "Your profile is saved.")
        return redirect("accounts:profile")
    claims = middleware.claims_of(request)
    sessions = selectors.open_sessions(request.user, at=timezone.now())
    context = {
        "form": form,
        "sessions": sessions.order_by("-last_used_at", "-id"),
        "current_session_id": claims.session_id if claims else None,
    }
    return render(request, "accounts/profile.html", context)


@require_POST
@login_required
def session_end(request: HttpRequest, session_id: int) -> HttpResponse:
    """Sign one device out."""
    assert isinstance(request.user, User)
    if not services.sessions.end(user=request.user, session_id=session_id):
        raise NotFound
    messages.success(request, "The device is signed out.")
    return redirect("accounts:profile")
