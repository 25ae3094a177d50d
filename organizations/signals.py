"""What happens to organizations and their members."""

from dataclasses import dataclass

from config.common.events import ChangeEvent, DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationCreated(DomainEvent):
    """A customer came into being."""

    name = "organization.created"
    summary = "organization {name_given} created"
    is_public = True
    target_type = "organization"
    is_change = True

    owner_id: int
    name_given: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationUpdated(ChangeEvent):
    """An organization's settings changed."""

    name = "organization.updated"
    summary = "organization settings changed"
    is_public = True
    target_type = "organization"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationLimitsChanged(ChangeEvent):
    """Staff overrode an organization's limits, or took the override back."""

    name = "organization.limits_changed"
    summary = "limits of the organization changed"
    is_public = True
    target_type = "organization"
    security_name = "authz_admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationSuspended(DomainEvent):
    """Staff stopped an organization: its keys stop."""

    name = "organization.suspended"
    summary = "organization suspended: {reason}"
    is_public = True
    target_type = "organization"
    security_name = "authz_admin"
    is_change = True

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationReinstated(DomainEvent):
    """Staff let an organization's calls pass again."""

    name = "organization.reinstated"
    summary = "organization reinstated"
    is_public = True
    target_type = "organization"
    security_name = "authz_admin"
    is_change = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAdded(DomainEvent):
    """A person became a member."""

    name = "member.added"
    summary = "user {user_id} added as {role}"
    is_public = True
    target_type = "user"
    is_change = True

    user_id: int
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRoleChanged(ChangeEvent):
    """A member's role changed."""

    name = "member.role_changed"
    summary = "role of user {user_id} changed"
    is_public = True
    target_type = "user"
    security_name = "authz_change"

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnershipTransferred(DomainEvent):
    """An owner handed the organization to another member."""

    name = "organization.ownership_transferred"
    summary = "ownership handed from user {from_user_id} to user {to_user_id}"
    is_public = True
    target_type = "organization"
    security_name = "authz_change"
    is_change = True

    from_user_id: int
    to_user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRemoved(DomainEvent):
    """A person is no longer a member."""

    name = "member.removed"
    summary = "user {user_id}, {role}, removed"
    is_public = True
    target_type = "user"
    is_change = True

    user_id: int
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionDenied(DomainEvent):
    """A member, or a key, tried what its role does not grant."""

    name = "security.permission_denied"
    summary = "refused for want of {permission}"
    target_type = "user"
    security_name = "authz_fail"
    is_counted = True

    user_id: int | None
    permission: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRowRequested(DomainEvent):
    """Somebody asked for what belongs to another organization, and was told that there is no such thing.

    It names no organization as the one concerned: whoever asked must not learn from it that the row exists.
    """

    name = "security.foreign_row_requested"
    summary = "user {user_id} asked for {kind} {row_id} of another organization"
    security_name = "authz_fail"
    is_counted = True

    user_id: int | None
    from_organization_id: int | None
    of_organization_id: int
    kind: str
    row_id: int
