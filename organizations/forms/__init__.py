"""Forms of the organization pages. They read texts; the services decide what may be done."""

from organizations.forms.rights import (
    GrantForm,
    InviteForm,
    PolicyForm,
    ReplaceRoleForm,
    RoleForm,
    RoleSettingsForm,
    choice_of,
    role_choices,
)
from organizations.forms.settings import (
    ADDRESS,
    CloseForm,
    CreateOrganizationForm,
    SettingsForm,
    TransferForm,
)

__all__ = [
    "ADDRESS",
    "CloseForm",
    "CreateOrganizationForm",
    "GrantForm",
    "InviteForm",
    "PolicyForm",
    "ReplaceRoleForm",
    "RoleForm",
    "RoleSettingsForm",
    "SettingsForm",
    "TransferForm",
    "choice_of",
    "role_choices",
]
