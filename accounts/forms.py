"""Forms of the account pages. They check shapes; what may be done is decided by services."""

from typing import Any

from django import forms

from accounts.hashers import PASSWORD_MAX_LENGTH
from accounts.models import User, time_zones, validate_full_name
from config.common import jsonparser
from config.common.errors import DomainError
from config.common.forms import RefusableForm

CREDENTIAL_MAX_LENGTH = 100_000


class EmailForm(RefusableForm):
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


class CodeField(forms.CharField):
    """A code of the authenticator app or, where the hint says so, a recovery code."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {
            "autocomplete": "one-time-code",
            "autocapitalize": "none",
            "spellcheck": "false",
            "autofocus": True,
        }
        super().__init__(max_length=64, widget=forms.TextInput(attrs=attrs), **kwargs)


_ANY_CODE = "The six digits that your app shows, or a recovery code."


class FirstCodeForm(RefusableForm):
    """Asks for the first code of an app that is being set up."""

    code = CodeField(help_text="Six digits.")


class CodeForm(RefusableForm):
    """Asks for a code of the authenticator app, or for a recovery code."""

    code = CodeField(help_text=_ANY_CODE)


class SecondFactorForm(CodeForm):
    """Asks for a code, and whether this browser is to be asked for one again soon."""

    trust_device = forms.BooleanField(
        label="Do not ask for a code in this browser for 30 days", required=False
    )


class PasswordAndCodeForm(RefusableForm):
    """Asks for the password and a code."""

    password = forms.CharField(
        strip=False,
        max_length=PASSWORD_MAX_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    code = CodeField(help_text=_ANY_CODE)


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


class CredentialField(forms.CharField):
    """A passkey's answer, put here by the page's script as JSON."""

    widget = forms.HiddenInput

    def __init__(self) -> None:
        message = "Your device has not answered yet. Without JavaScript a page cannot ask it."
        super().__init__(max_length=CREDENTIAL_MAX_LENGTH, error_messages={"required": message})

    def clean(self, value: Any) -> Any:
        """Read the answer; what it is worth is checked where it is used."""
        try:
            credential = jsonparser.loads(super().clean(value).encode())
        except DomainError:
            credential = None
        if not isinstance(credential, dict):
            raise forms.ValidationError("The answer of the device cannot be read.", code="json")
        return credential


class RenamePasskeyForm(RefusableForm):
    """Asks what to call a passkey."""

    name = forms.CharField(max_length=80, validators=[validate_full_name])


class PasskeyForm(RefusableForm):
    """Takes a passkey's answer."""

    credential = CredentialField()

    def clean(self) -> dict[str, Any]:
        """Say above the form what is wrong with the answer: its field is not seen."""
        for message in self.errors.pop("credential", ()):
            self.add_error(None, message)
        return self.cleaned_data


class AddPasskeyForm(PasskeyForm):
    """Asks what to call a new passkey; the device's answer comes with it."""

    name = forms.CharField(
        required=False,
        max_length=80,
        validators=[validate_full_name],
        help_text="So that you know it again, such as the device or the password manager that keeps it.",
    )


class ConfirmByPasswordForm(RefusableForm):
    """Asks who is signed in for their password."""

    password = forms.CharField(
        strip=False,
        max_length=PASSWORD_MAX_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


class ConfirmByCodeForm(RefusableForm):
    """Asks who is signed in for a code."""

    code = forms.CharField(
        max_length=64,
        help_text="Six digits of your authenticator app, or a recovery code.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "text"}),
    )


def _new_password(label: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        strip=False,
        max_length=PASSWORD_MAX_LENGTH,
        help_text="At least 10 characters; four unrelated words are easy to keep in mind.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


def _present_password(label: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        strip=False,
        max_length=PASSWORD_MAX_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class NewPasswordForm(RefusableForm):
    """Asks for the password to be."""

    password = _new_password("New password")


class ChangePasswordForm(RefusableForm):
    """Asks for the present password and the one to be."""

    current_password = _present_password("Current password")
    new_password = _new_password("New password")


class ChangeEmailForm(RefusableForm):
    """Asks for the address to be, and for the password."""

    email = forms.EmailField(
        label="New address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = _present_password("Password")


class OwnPasswordForm(RefusableForm):
    """Asks for the password alone."""

    password = _present_password("Password")


class AvatarForm(RefusableForm):
    """Asks for a picture; what is in the file decides, not its name."""

    file = forms.FileField(
        label="New picture",
        help_text="PNG, JPEG or WebP, at most 5 MB.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )
