"""A person's picture: sent, removed, and served so that a browser does nothing with it but draw it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from accounts import avatars, services
from accounts.forms import AvatarForm
from accounts.models import User
from accounts.permissions import login_required
from accounts.throttles import paced
from config.common.errors import DomainError, NotFound

_HEADERS = {
    # Another picture has another name, so this one may be kept for ever.
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Content-Disposition": "inline",
    "X-Content-Type-Options": "nosniff",
}


@require_safe
def show(request: HttpRequest, name: str) -> HttpResponse:
    """Serve a picture to whoever knows its name, which nobody guesses."""
    content = avatars.read(name)
    if content is None:
        raise NotFound
    return HttpResponse(content, content_type=avatars.CONTENT_TYPE, headers=_HEADERS)


@require_POST
@login_required
@paced("avatar")
def replace(request: HttpRequest) -> HttpResponse:
    """Take a new picture; the profile says what is wrong with one that cannot be shown."""
    assert isinstance(request.user, User)
    form = AvatarForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, "Choose a picture first.")
        return redirect("accounts:profile")
    try:
        services.avatars.set_avatar(user=request.user, content=form.cleaned_data["file"].read())
    except DomainError as error:
        messages.error(request, error.told())
    else:
        messages.success(request, "Your picture is saved.")
    return redirect("accounts:profile")


@require_POST
@login_required
def remove(request: HttpRequest) -> HttpResponse:
    """Show initials again."""
    assert isinstance(request.user, User)
    services.avatars.remove_avatar(user=request.user)
    messages.success(request, "Your picture is removed.")
    return redirect("accounts:profile")
