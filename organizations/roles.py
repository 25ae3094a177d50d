"""Organization roles, the permission catalogue and the matrix between them. Pure data, read by every guard."""

from collections.abc import Iterable
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
    SECURITY_WRITE = "security:write"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    ROLES_WRITE = "roles:write"
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


# For the documentation, the pages where roles are made, and the command that prints the matrix.
MEANINGS: dict[Permission, str] = {
    Permission.ORGANIZATION_READ: "See the organization, its settings and its limits",
    Permission.ORGANIZATION_WRITE: "Change its name, metadata and billing details",
    Permission.ORGANIZATION_CLOSE: "Close the organization for good",
    Permission.SECURITY_WRITE: "Change the security policy",
    Permission.MEMBERS_READ: "See members, invitations, custom roles and grants",
    Permission.MEMBERS_WRITE: "Invite and remove members, give them roles and grants",
    Permission.ROLES_WRITE: "Make, change and delete custom roles",
    Permission.OWNERS_WRITE: "Make and unmake owners, hand the organization over",
    Permission.KEYS_READ: "See API keys",
    Permission.KEYS_WRITE: "Create, change, rotate and revoke API keys",
    Permission.USAGE_READ: "See usage, requests and live figures",
    Permission.WEBHOOKS_READ: "See webhooks and their deliveries",
    Permission.WEBHOOKS_WRITE: "Create, change, test and delete webhooks, send deliveries again",
    Permission.BILLING_READ: "See plan, invoices, credits and billing details",
    Permission.BILLING_WRITE: "Change the plan, pay, buy credits",
    Permission.AUDIT_READ: "See the audit log and security events",
    Permission.AUDIT_ACKNOWLEDGE: "Acknowledge security events",
}

CHOICES = [(permission.value, meaning) for permission, meaning in MEANINGS.items()]

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
    Permission.SECURITY_WRITE,
    Permission.MEMBERS_WRITE,
    Permission.ROLES_WRITE,
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


def known(texts: Iterable[str]) -> frozenset[Permission]:
    """Return those of the texts that name a permission; what an older catalogue knew grants nothing."""
    wanted = set(texts)
    return frozenset(permission for permission in Permission if permission.value in wanted)


def codename_of(permission: Permission) -> str:
    """Return how Django's table of permissions calls one of ours when it is granted on an organization."""
    return permission.value.replace(":", "_")
