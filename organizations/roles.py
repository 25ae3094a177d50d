"""Organization roles, the permission catalogue and the matrix between them. Pure data, read by every guard."""

from enum import StrEnum


class RoleName(StrEnum):
    """What a member is in one organization."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"
    VIEWER = "VIEWER"


class Permission(StrEnum):
    """What a member may do in an organization, as `area:action`."""

    ORGANIZATION_READ = "organization:read"
    ORGANIZATION_WRITE = "organization:write"
    ORGANIZATION_CLOSE = "organization:close"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    OWNERS_WRITE = "owners:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    USAGE_READ = "usage:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    BILLING_READ = "billing:read"
    BILLING_WRITE = "billing:write"
    AUDIT_READ = "audit:read"
    AUDIT_ACKNOWLEDGE = "audit:acknowledge"


_VIEWER = frozenset(
    {
        Permission.ORGANIZATION_READ,
        Permission.MEMBERS_READ,
        Permission.KEYS_READ,
        Permission.USAGE_READ,
        Permission.WEBHOOKS_READ,
    }
)
_MEMBER = _VIEWER | {Permission.KEYS_WRITE, Permission.WEBHOOKS_WRITE}
_ADMIN = _MEMBER | {
    Permission.ORGANIZATION_WRITE,
    Permission.MEMBERS_WRITE,
    Permission.BILLING_READ,
    Permission.BILLING_WRITE,
    Permission.AUDIT_READ,
    Permission.AUDIT_ACKNOWLEDGE,
}
_OWNER = _ADMIN | {Permission.ORGANIZATION_CLOSE, Permission.OWNERS_WRITE}

GRANTS: dict[RoleName, frozenset[Permission]] = {
    RoleName.OWNER: _OWNER,
    RoleName.ADMIN: _ADMIN,
    RoleName.MEMBER: _MEMBER,
    RoleName.VIEWER: _VIEWER,
}


def grants(role: str, permission: Permission) -> bool:
    """Whether the organization role grants the permission."""
    return permission in GRANTS[RoleName(role)]
