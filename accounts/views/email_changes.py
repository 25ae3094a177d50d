"""Pages of another address: the wish, and what its two links lead to."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import selectors, services
from accounts.forms import ChangeEmailForm
from accounts.models import User
from accounts.permissions import login_required, recently_authenticated
from accounts.throttles import paced
from config.common.errors import DomainError
from config.common.forms import form_page, with_form


@form_page
@login_required
@recently_authenticated
def change(request: HttpRequest) -> HttpResponse:
    """Wish for another address; the answer is the same for one that is taken."""
    assert isinstance(request.user, User)
    form = ChangeEmailForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.email_changes.request(
                user=request.user, at=timezone.now(), **form.cleaned_data
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, "We have written to both addresses. Open both links.")
            return redirect("accounts:email-change")
    pending = selectors.pending_email_change(request.user, at=timezone.now())
    return with_form(request, "accounts/email_change.html", form, pending=pending)


@require_POST
@login_required
def cancel(request: HttpRequest) -> HttpResponse:
    """Take the wish back."""
    assert isinstance(request.user, User)
    services.email_changes.cancel(user=request.user, at=timezone.now())
    messages.success(request, "You keep your address.")
    return redirect("accounts:email-change")


@form_page
@paced("verify")
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for one click, then agree or refuse: mail scanners follow links, but press no buttons."""
    if request.method != "POST":
        return render(request, "accounts/email_change_answer.html")
    is_refused = request.POST.get("answer") == "refuse"
    decide = services.email_changes.refuse if is_refused else services.email_changes.confirm
    try:
        change = decide(token=token, at=timezone.now())
    except DomainError as error:
        refusal = {"error": error}
        return render(request, "accounts/email_change_answer.html", refusal, status=error.status)
    context = {"change": change, "is_refused": is_refused}
    return render(request, "accounts/email_change_answered.html", context)
