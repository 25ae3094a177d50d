"""The page of the person who is signed in: how they appear."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts import services
from accounts.forms import AvatarForm, ProfileForm
from accounts.models import User
from accounts.permissions import login_required
from config.common.forms import form_page


@form_page
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Show and change the profile."""
    assert isinstance(request.user, User)
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=request.user.pk))
    if request.method == "POST" and form.is_valid():
        services.profile.update_profile(user=request.user, changes=form.cleaned_data)
        messages.success(request, "Your profile is saved.")
        return redirect("accounts:profile")
    context = {"form": form, "avatar_form": AvatarForm()}
    return render(request, "accounts/profile.html", context)
