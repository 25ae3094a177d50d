"""Forms of the account pages. They check shapes; what may be done is decided by services."""

from typing import Any

from django import forms

from accounts.models import User, time_zones, validate_full_name
from config.common.errors import DomainError

PASSWORD_MAX_LENGTH = 256


class EmailForm(forms.Form):
    """Asks for an e-mail address."""

    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class LoginForm(EmailForm):
    """Asks for an address and its password."""

    password = forms.CharField(
        strip=False,
        max_length=PASSWORD_MAX_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class RegisterForm(EmailForm):
    """Asks for what an account needs."""

    full_name = forms.CharField(
        label="Name",
        required=False,
        max_length=150,
        validators=[validate_full_name],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        strip=False,
        max_length=PASSWORD_MAX_LENGTH,
        help_text="At least 10 characters; four unrelated words are easy to keep in mind.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    field_order = ("full_name", "email", "password")


class ProfileForm(forms.ModelForm[User]):
    """Asks how a person appears."""

    full_name = forms.CharField(
        label="Name",
        required=False,
        max_length=150,
        validators=[validate_full_name],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    time_zone = forms.ChoiceField(label="Time zone")

    class Meta:
        model = User
        fields = ("full_name", "time_zone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(name, name.replace("_", " ")) for name in sorted(time_zones())]
        self.fields["time_zone"].choices = choices  # type: ignore[attr-defined]


def show(form: forms.Form, error: DomainError) -> None:
    """Put a refusal where it belongs: at the fields its pointers name, else above the form."""
    for item in error.errors:
        name = item.pointer.removeprefix("#/")
        form.add_error(name if name in form.fields else None, item.message)
    if not error.errors:
        form.add_error(None, error.detail)
