"""The platform's own roles and what each may do. Pure data; organization roles are in `organizations.roles`."""

from enum import StrEnum


class PlatformRoleName(StrEnum):
    """What a person is to the platform as a whole."""

    SUPER_ADMIN = "SUPER_ADMIN"
    ADMIN = "ADMIN"
    USER = "USER"
    VIEWER = "VIEWER"


class PlatformPermission(StrEnum):
    """What staff may do, as `area:action`."""

    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    USERS_SUSPEND = "users:suspend"
    ROLES_WRITE = "roles:write"
    BROADCASTS_WRITE = "broadcasts:write"
    ORGANIZATIONS_READ = "organizations:read"
    ORGANIZATIONS_WRITE = "organizations:write"
    APIS_WRITE = "apis:write"
    SERVICE_KEYS_WRITE = "service-keys:write"
    AUDIT_READ = "audit:read"
    SYSTEM_READ = "system:read"


# For the documentation, and for the command that prints the matrix.
MEANINGS: dict[PlatformPermission, str] = {
    PlatformPermission.USERS_READ: "See people, their sessions and mails",
    PlatformPermission.USERS_WRITE: "Change people: verify an address, reset second factors, end sessions",
    PlatformPermission.USERS_SUSPEND: "Suspend people and let them in again",
    PlatformPermission.ROLES_WRITE: "Give and take platform roles",
    PlatformPermission.BROADCASTS_WRITE: "Write to many people at once",
    PlatformPermission.ORGANIZATIONS_READ: "See organizations and what belongs to them",
    PlatformPermission.ORGANIZATIONS_WRITE: "Change organizations, members, keys, plans and webhooks",
    PlatformPermission.APIS_WRITE: "Describe the APIs that are sold, and their route rules",
    PlatformPermission.SERVICE_KEYS_WRITE: "Create, rotate and revoke service keys",
    PlatformPermission.AUDIT_READ: "See the audit log and security events of everybody",
    PlatformPermission.SYSTEM_READ: "See how the installation is doing",
}

GRANTS: dict[PlatformRoleName, frozenset[PlatformPermission]] = {
    PlatformRoleName.SUPER_ADMIN: frozenset(PlatformPermission),
    PlatformRoleName.ADMIN: frozenset(PlatformPermission)
    - {PlatformPermission.SERVICE_KEYS_WRITE, PlatformPermission.ROLES_WRITE},
    PlatformRoleName.USER: frozenset(),
    PlatformRoleName.VIEWER: frozenset(
        {
            PlatformPermission.USERS_READ,
            PlatformPermission.ORGANIZATIONS_READ,
            PlatformPermission.SYSTEM_READ,
        }
    ),
}

# What Django's own permissions (`app_label.action_model`) mean to staff: who may see, and who may change, an app's rows.
_SEES = {
    "accounts": PlatformPermission.USERS_READ,
    "organizations": PlatformPermission.ORGANIZATIONS_READ,
    "billing": PlatformPermission.ORGANIZATIONS_READ,
    "apikeys": PlatformPermission.ORGANIZATIONS_READ,
    "analytics": PlatformPermission.ORGANIZATIONS_READ,
    "webhooks": PlatformPermission.ORGANIZATIONS_READ,
    "audit": PlatformPermission.AUDIT_READ,
    "common": PlatformPermission.SYSTEM_READ,
}
_CHANGES = {
    "accounts": PlatformPermission.USERS_WRITE,
    "organizations": PlatformPermission.ORGANIZATIONS_WRITE,
    "billing": PlatformPermission.ORGANIZATIONS_WRITE,
    "apikeys": PlatformPermission.ORGANIZATIONS_WRITE,
    "webhooks": PlatformPermission.ORGANIZATIONS_WRITE,
}
_CHANGES_MODEL = {
    "apikeys.api": PlatformPermission.APIS_WRITE,
    "apikeys.routerule": PlatformPermission.APIS_WRITE,
    "apikeys.servicekey": PlatformPermission.SERVICE_KEYS_WRITE,
}

STAFF_ROLES = frozenset({PlatformRoleName.SUPER_ADMIN, PlatformRoleName.ADMIN})


def may(role: str, permission: PlatformPermission) -> bool:
    """Whether the platform role grants the permission."""
    return permission in GRANTS[PlatformRoleName(role)]


def may_in_back_office(role: str, django_permission: str) -> bool:
    """Whether a staff role grants one of Django's own permissions, such as `accounts.view_user`."""
    app, _, rest = django_permission.partition(".")
    action, _, model = rest.partition("_")
    needed = _SEES.get(app) if action == "view" else _change_permission(app, model)
    return role in STAFF_ROLES and needed is not None and may(role, needed)


def may_enter_app(role: str, app: str) -> bool:
    """Whether a staff role sees an app in the back office at all."""
    return role in STAFF_ROLES and app in _SEES and may(role, _SEES[app])


def _change_permission(app: str, model: str) -> PlatformPermission | None:
    return _CHANGES_MODEL.get(f"{app}.{model}") or _CHANGES.get(app)
