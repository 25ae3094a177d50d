"""Forms of rights: who is what, who is invited as what, what roles hold, grants, and the security policy."""

from typing import Any, TypedDict, cast

from django import forms

from accounts.models import User
from config.common.forms import LinesField, RefusableForm
from organizations import grantable, selectors
from organizations.access import Tenant
from organizations.models import CustomRole, Organization, Role
from organizations.roles import GRANTS, MEANINGS, Permission, RoleName
from organizations.services.custom_roles import Standing
from organizations.services.security_policy import MAX_KEY_AGE_DAYS, Policy

_CUSTOM = "custom:"
MAX_OFFERED = 200
Choices = list[tuple[str, str]]


class AskedStanding(TypedDict, total=False):
    """What services take as a role: a built-in one or a custom one."""

    role: str
    custom_role_id: int


def choice_of(standing: Standing) -> str:
    """Return how a role is called in a choice."""
    custom = standing.custom_role
    return str(standing.role) if custom is None else f"{_CUSTOM}{custom.pk}"


def role_choices(tenant: Tenant) -> Choices:
    """Return the roles that the person may give: those that hold no more than they have."""
    built_in = [
        (str(value), str(label))
        for value, label in Role.choices
        if GRANTS[RoleName(value)] <= tenant.held
    ]
    own = [
        (f"{_CUSTOM}{role.pk}", role.name)
        for role in selectors.roles_of(tenant.organization).order_by("name")
        if role.grants <= tenant.held
    ]
    return [*built_in, *own]


def _standing(choice: str) -> AskedStanding:
    if choice.startswith(_CUSTOM):
        return {"custom_role_id": int(choice.removeprefix(_CUSTOM))}
    return {"role": choice}


def _offer(form: forms.Form, name: str, choices: Any) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices


class RoleForm(RefusableForm):
    """Asks for a member's role."""

    role = forms.ChoiceField()

    def __init__(self, data: Any, *, tenant: Tenant) -> None:
        super().__init__(data, initial={"role": Role.MEMBER.value})
        _offer(self, "role", role_choices(tenant))

    def standing(self) -> AskedStanding:
        """Return the role as the services take it."""
        return _standing(self.cleaned_data["role"])


class InviteForm(RoleForm):
    """Asks whom to invite, and as what."""

    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "autofocus": True}),
        help_text="Only whoever has this address can join.",
    )
    field_order = ("email", "role")


class RoleSettingsForm(RefusableForm):
    """Asks what a custom role is called and holds."""

    name = forms.CharField(max_length=60)
    description = forms.CharField(max_length=300, required=False)
    permissions = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="You can give what you have yourself.",
    )

    def __init__(self, data: Any, *, tenant: Tenant, role: CustomRole | None = None) -> None:
        initial = (
            {"permissions": [Permission.ORGANIZATION_READ.value]}
            if role is None
            else {name: getattr(role, name) for name in ("name", "description", "permissions")}
        )
        super().__init__(data, initial=initial)
        held = tenant.held | (role.grants if role is not None else frozenset())
        _offer(
            self,
            "permissions",
            [(one.value, meaning) for one, meaning in MEANINGS.items() if one in held],
        )


class ReplaceRoleForm(RefusableForm):
    """Asks what the holders of a role are to have instead."""

    role = forms.ChoiceField(label="Its holders become")

    def __init__(self, data: Any, *, tenant: Tenant, role: CustomRole) -> None:
        super().__init__(data, initial={"role": Role.VIEWER.value})
        itself = f"{_CUSTOM}{role.pk}"
        _offer(self, "role", [one for one in role_choices(tenant) if one[0] != itself])

    def replacement(self) -> dict[str, Any]:
        """Return the replacement as the service takes it."""
        asked = _standing(self.cleaned_data["role"])
        return {
            "replacement": asked.get("role"),
            "replacement_id": asked.get("custom_role_id"),
        }


class GrantForm(RefusableForm):
    """Asks who may do what on which object."""

    email = forms.EmailField(
        label="Member",
        max_length=254,
        widget=forms.EmailInput(attrs={"list": "members", "autocomplete": "off"}),
        help_text="Their e-mail address.",
    )
    permission = forms.ChoiceField()
    on = forms.ChoiceField(
        label="On", help_text=f"The newest {MAX_OFFERED} of each kind; on older ones over the API."
    )

    def __init__(self, data: Any, *, tenant: Tenant) -> None:
        super().__init__(data)
        self.members = selectors.members_of(tenant.organization).order_by("user__email")
        _offer(
            self,
            "permission",
            [
                (one.value, f"{meaning} ({one.value})")
                for one, meaning in MEANINGS.items()
                if one in tenant.held
            ],
        )
        _offer(self, "on", list(_objects(tenant)))

    def suggestions(self) -> list[str]:
        """Return addresses to choose from while one is typed; any other member's can be typed as well."""
        return list(self.members.values_list("user__email", flat=True)[:MAX_OFFERED])

    def clean_email(self) -> str:
        """Take the address of a member only."""
        email = User.objects.normalize_email(self.cleaned_data["email"])
        member = self.members.filter(user__email=email).first()
        if member is None:
            raise forms.ValidationError("No member has this address.", code="unknown")
        self.user_id = member.user_id
        return email

    def grant(self) -> dict[str, Any]:
        """Return the grant as the service takes it."""
        kind, _, object_id = self.cleaned_data["on"].partition(":")
        return {
            "user_id": self.user_id,
            "permission": self.cleaned_data["permission"],
            "kind": kind,
            "object_id": int(object_id),
        }


def _objects(tenant: Tenant) -> Any:
    """Yield the objects of each kind on which something can be given."""
    for kind in grantable.kinds():
        if kind.model is Organization:
            rows: list[Any] = [tenant.organization]
        else:
            found = kind.model._default_manager.filter(  # noqa: SLF001  public in all but name
                organization_id=tenant.organization.pk
            )
            rows = list(found.order_by("-pk")[:MAX_OFFERED])
        label = str(kind.model._meta.verbose_name).capitalize()  # noqa: SLF001
        yield label, [(f"{kind.name}:{row.pk}", str(row)) for row in rows]


class PolicyForm(RefusableForm):
    """Shows the security policy, and asks for another where the person may change it."""

    requires_two_factor = forms.BooleanField(
        label="Require a second factor",
        required=False,
        help_text="Members without one are kept out, and told how to set one up.",
    )
    console_networks = LinesField(
        label="Addresses for people",
        required=False,
        help_text="Where members may come from, such as 203.0.113.0/24; empty: anywhere. Keys have lists of their own.",
    )
    max_key_age_days = forms.IntegerField(
        label="Greatest age of keys, in days",
        min_value=1,
        max_value=MAX_KEY_AGE_DAYS,
        required=False,
        help_text="Keys made or changed from now on end by then; older ones are marked and work until revoked. Empty: no limit.",
    )
    allowed_scopes = LinesField(
        label="Scopes that keys may have",
        required=False,
        help_text="Such as orders:* or orders:read; empty: any.",
    )

    def __init__(self, data: Any, *, tenant: Tenant) -> None:
        organization = tenant.organization
        initial = {name: getattr(organization, name) for name in self.base_fields}
        super().__init__(data, initial=initial)
        for field in self.fields.values():
            field.disabled = not tenant.may(Permission.SECURITY_WRITE)

    def policy(self) -> Policy:
        """Return the policy as the service takes it."""
        return cast("Policy", dict(self.cleaned_data))
