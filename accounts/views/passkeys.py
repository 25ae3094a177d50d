"""Pages of passkeys: adding, naming and removing one's own. What they do needs a recent proof of who is there."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts import middleware, selectors, services
from accounts.forms import AddPasskeyForm, RenamePasskeyForm
from accounts.models import Passkey, User
from accounts.permissions import login_required, recently_authenticated
from accounts.views.two_factor import codes_page
from config.common import once
from config.common.errors import DomainError, NotFound
from config.common.forms import form_page


@form_page
@login_required
@recently_authenticated
@once.form
def passkey_add(request: HttpRequest) -> HttpResponse:
    """Keep a passkey that the device has just made."""
    form = AddPasskeyForm(request.POST or None)
    if form.is_valid():
        try:
            added = services.passkeys.add(
                user=_person(request),
                session_id=middleware.session_id_of(request),
                at=timezone.now(),
                **form.cleaned_data,
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, f"{added.passkey.name} can sign you in from now on.")
            if added.recovery_codes:
                return codes_page(request, added.recovery_codes)
            return redirect("accounts:security")
    return render(request, "accounts/passkey_add.html", {"form": form})


@form_page
@login_required
@recently_authenticated
def passkey_rename(request: HttpRequest, passkey_id: int) -> HttpResponse:
    """Give a passkey another name."""
    passkey = _passkey(request, passkey_id)
    form = RenamePasskeyForm(request.POST or None, initial={"name": passkey.name})
    if form.is_valid():
        services.passkeys.rename(user=_person(request), passkey_id=passkey.pk, **form.cleaned_data)
        messages.success(request, "The new name is saved.")
        return redirect("accounts:security")
    return render(request, "accounts/passkey_rename.html", {"form": form, "passkey": passkey})


@form_page
@login_required
@recently_authenticated
def passkey_remove(request: HttpRequest, passkey_id: int) -> HttpResponse:
    """Ask, say what follows, then forget a passkey."""
    passkey = _passkey(request, passkey_id)
    person = _person(request)
    error: DomainError | None = None
    if request.method == "POST":
        try:
            services.passkeys.remove(
                user=person, session_id=middleware.session_id_of(request), passkey_id=passkey.pk
            )
        except services.passkeys.LastFactor as refusal:
            error = refusal
        else:
            messages.success(request, f"{passkey.name} signs nobody in any more.")
            return redirect("accounts:security")
    is_last = selectors.is_last_factor(passkey)
    context = {"passkey": passkey, "error": error, "is_last": is_last}
    status = error.status if error else 200
    return render(request, "accounts/passkey_remove.html", context, status=status)


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _passkey(request: HttpRequest, passkey_id: int) -> Passkey:
    passkey = selectors.passkeys_of(_person(request)).filter(pk=passkey_id).first()
    if passkey is None:
        raise NotFound
    return passkey
