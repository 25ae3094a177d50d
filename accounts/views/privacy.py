"""Pages of a person's data: copies to take along, and the farewell."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts import selectors, services
from accounts.forms import OwnPasswordForm
from accounts.models import User
from accounts.permissions import login_required, recently_authenticated
from config.common import polling
from config.common.errors import DomainError, NotFound
from config.common.forms import form_page, with_form

_SHOWN = 10


@require_safe
@login_required
def privacy(request: HttpRequest) -> HttpResponse:
    """Show the copies that were asked for, and whether the account is about to go."""
    assert isinstance(request.user, User)
    exports = selectors.exports_of(request.user)[:_SHOWN]
    under_way = [one for one in exports if one.is_open]
    context = {
        "exports": exports,
        "is_working": bool(under_way),
        "poll_seconds": polling.interval(*(one.updated_at for one in under_way), at=timezone.now()),
    }
    return render(request, "accounts/privacy.html", context)


@require_POST
@login_required
def export_request(request: HttpRequest) -> HttpResponse:
    """Ask for a copy of one's data."""
    assert isinstance(request.user, User)
    try:
        services.exports.request(user=request.user, at=timezone.now())
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "The copy is being made. We will write to you when it is ready.")
    return redirect("accounts:privacy")


@require_safe
@login_required
@recently_authenticated
def export_download(request: HttpRequest, export_id: int) -> HttpResponse:
    """Hand out the file of a copy."""
    assert isinstance(request.user, User)
    export = selectors.export_of(request.user, export_id)
    if export is None:
        raise NotFound
    path = services.exports.download(export=export, at=timezone.now())
    return StreamingHttpResponse(  # type: ignore[return-value]  # the decorators pass on what they are given
        services.exports.content_of(path),
        content_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="my-data.zip"'},
    )


@form_page
@login_required
@recently_authenticated
def deletion(request: HttpRequest) -> HttpResponse:
    """Say what deletion means, and have the account deleted in fourteen days."""
    assert isinstance(request.user, User)
    form = OwnPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.deletions.request(user=request.user, at=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            form.refuse(error)
        else:
            messages.warning(request, "Your account will be deleted. You can still keep it.")
            return redirect("accounts:privacy")
    return with_form(request, "accounts/deletion.html", form)


@require_POST
@login_required
def deletion_cancel(request: HttpRequest) -> HttpResponse:
    """Keep the account after all."""
    assert isinstance(request.user, User)
    if services.deletions.cancel(user=request.user):
        messages.success(request, "You keep your account.")
    return redirect("accounts:privacy")
