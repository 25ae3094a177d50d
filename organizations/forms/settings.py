"""Forms of the organization itself: creating, settings, handing over, closing."""

from typing import Any, cast

from django import forms

from config.common import mail_addresses
from config.common.forms import RefusableForm
from organizations import selectors
from organizations.access import Tenant
from organizations.models import Organization
from organizations.roles import Permission
from organizations.services.organizations import Settings

ADDRESS = {
    "line1": ("Address", 200),
    "line2": ("Address, second line", 200),
    "postal_code": ("Postal code", 20),
    "city": ("City", 100),
    "state": ("State or region", 100),
}


class CreateOrganizationForm(RefusableForm):
    """Asks what a new organization is called."""

    name = forms.CharField(
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "organization", "autofocus": True}),
    )


class SettingsForm(forms.Form):
    """Shows an organization's settings, and asks for new ones where the person may change them."""

    name = forms.CharField(
        max_length=120, widget=forms.TextInput(attrs={"autocomplete": "organization"})
    )
    billing_name = forms.CharField(label="Name on invoices", max_length=200, required=False)
    billing_email = forms.EmailField(
        label="E-mail for invoices",
        max_length=254,
        required=False,
        validators=[mail_addresses.validate],
    )
    tax_id = forms.CharField(label="Tax id", max_length=40, required=False)
    country = forms.RegexField(
        r"\A[A-Z]{2}\Z",
        required=False,
        help_text="Two letters, such as FR.",
        error_messages={"invalid": "Enter two capital letters, such as FR."},
    )

    def __init__(self, data: Any, *, tenant: Tenant) -> None:
        organization = tenant.organization
        super().__init__(data, initial=_initial(organization))
        for part, (label, length) in ADDRESS.items():
            self.fields[part] = forms.CharField(label=label, max_length=length, required=False)
        self.order_fields(("name", "billing_name", "billing_email", *ADDRESS, "country", "tax_id"))
        if not tenant.may(Permission.BILLING_READ):
            for hidden in [name for name in self.fields if name != "name"]:
                del self.fields[hidden]
        for field in self.fields.values():
            field.disabled = not tenant.may(Permission.ORGANIZATION_WRITE)

    def settings(self) -> Settings:
        """Return the settings as the service takes them."""
        data = dict(self.cleaned_data)
        parts = {part: data.pop(part) for part in (*ADDRESS, "country") if part in data}
        if parts:
            data["billing_address"] = {part: text for part, text in parts.items() if text}
        return cast("Settings", data)


def _initial(organization: Organization) -> dict[str, Any]:
    flat = {
        name: getattr(organization, name)
        for name in ("name", "billing_name", "billing_email", "tax_id")
    }
    return {**organization.billing_address, **flat}


class TransferForm(RefusableForm):
    """Asks which member is to own the organization."""

    user_id = forms.ChoiceField(label="New owner")

    def __init__(self, data: Any, *, tenant: Tenant) -> None:
        super().__init__(data)
        others = selectors.members_of(tenant.organization).order_by("user__email")
        if tenant.user is not None:
            others = others.exclude(user_id=tenant.user.pk)
        field = self.fields["user_id"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (member.user_id, f"{member.user.full_name} ({member.user.email})".strip())
            for member in others
        ]


class CloseForm(RefusableForm):
    """Asks for the organization's name, so that nobody closes one by mistake."""

    name = forms.CharField(
        label="Name of the organization",
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
