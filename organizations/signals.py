"""What happens to organizations, their members, invitations, roles and grants."""

from dataclasses import dataclass
from typing import ClassVar

from config.common.events import ChangeEvent, DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationCreated(DomainEvent):
    """An organization was made."""

    name = "organization.created"
    summary = "organization {name_given} created"
    is_public = True
    target_type = "organization"
    is_change = True

    owner_id: int
    name_given: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationUpdated(ChangeEvent):
    """An organization's settings changed. Of its billing details it tells that they changed, not what they are."""

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
    field_examples: ClassVar[dict[str, str]] = {"reason": "unpaid invoices"}

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
class OrganizationClosed(DomainEvent):
    """An organization is closed for good; its keys stop."""

    # Whoever knows a reason against it raises it when hearing this.
    name = "organization.closed"
    summary = "organization closed: {reason}"
    is_public = True
    target_type = "organization"
    security_name = "authz_admin"
    is_change = True
    field_examples: ClassVar[dict[str, str]] = {"reason": "by its owner"}

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityPolicyChanged(ChangeEvent):
    """An organization changed who may come in, and what its keys may be."""

    name = "organization.security_policy_changed"
    summary = "security policy of the organization changed"
    is_public = True
    target_type = "organization"
    security_name = "authz_change"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationCreated(DomainEvent):
    """An address was offered a place."""

    name = "invitation.created"
    summary = "{email} invited as {role}"
    is_public = True
    target_type = "invitation"
    is_change = True

    invitation_id: int
    email: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationRenewed(DomainEvent):
    """An invitation was sent again; its earlier links are worthless."""

    name = "invitation.renewed"
    summary = "invitation to {email} sent again"
    is_public = True
    target_type = "invitation"
    is_change = True

    invitation_id: int
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationAccepted(DomainEvent):
    """The invited person took the place."""

    name = "invitation.accepted"
    summary = "invitation accepted by user {user_id}"
    is_public = True
    target_type = "invitation"
    is_change = True

    invitation_id: int
    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationDeclined(DomainEvent):
    """The invited person does not want the place."""

    name = "invitation.declined"
    summary = "invitation declined by {email}"
    is_public = True
    target_type = "invitation"
    is_change = True

    invitation_id: int
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationRevoked(DomainEvent):
    """An invitation was taken back."""

    name = "invitation.revoked"
    summary = "invitation to {email} revoked"
    is_public = True
    target_type = "invitation"
    is_change = True

    invitation_id: int
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationExpired(DomainEvent):
    """Nobody answered an invitation in time."""

    name = "invitation.expired"
    summary = "invitation to {email} expired"
    is_public = True
    target_type = "invitation"
    is_change = True

    invitation_id: int
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRoleCreated(DomainEvent):
    """An organization made a role of its own."""

    name = "role.created"
    summary = "role {role_name} created"
    is_public = True
    target_type = "role"
    security_name = "authz_change"
    is_change = True

    role_id: int
    role_name: str
    permissions: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRoleUpdated(ChangeEvent):
    """A custom role changed; its holders have the new permissions at once."""

    name = "role.updated"
    summary = "role {role_name} changed"
    is_public = True
    target_type = "role"
    security_name = "authz_change"

    role_id: int
    role_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRoleDeleted(DomainEvent):
    """A custom role is gone; whoever held it has another one."""

    name = "role.deleted"
    summary = "role {role_name} deleted"
    is_public = True
    target_type = "role"
    security_name = "authz_change"
    is_change = True

    role_id: int
    role_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantAdded(DomainEvent):
    """A member was given a permission on one object, beyond their role."""

    name = "grant.added"
    summary = "{permission} on {kind} {object_id} given to user {user_id}"
    is_public = True
    target_type = "grant"
    security_name = "authz_change"
    is_change = True

    grant_id: int
    user_id: int
    permission: str
    kind: str
    object_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRemoved(DomainEvent):
    """A member lost a permission on one object."""

    name = "grant.removed"
    summary = "{permission} on {kind} {object_id} taken from user {user_id}"
    is_public = True
    target_type = "grant"
    security_name = "authz_change"
    is_change = True

    grant_id: int
    user_id: int
    permission: str
    kind: str
    object_id: int


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
