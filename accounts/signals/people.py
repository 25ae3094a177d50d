"""Events of accounts and what they are to the platform."""

from dataclasses import dataclass

from config.common.events import ChangeEvent, DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRegistered(DomainEvent):
    """Someone opened an account."""

    name = "user.registered"
    summary = "{email} registered"
    target_type = "user"
    is_change = True

    user_id: int
    email: str
    full_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailVerified(DomainEvent):
    """Someone proved to own their address."""

    name = "user.email_verified"
    summary = "{email} is verified"
    target_type = "user"
    is_change = True

    user_id: int
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileUpdated(ChangeEvent):
    """Someone changed how they appear."""

    name = "user.updated"
    summary = "profile of user {user_id} changed"
    target_type = "user"

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged(DomainEvent):
    """Someone has a new password; every session has ended."""

    name = "user.password_changed"
    summary = "password of user {user_id} changed"
    target_type = "user"
    security_name = "authn_password_change"
    is_change = True

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformRoleChanged(ChangeEvent):
    """Someone's place on the platform's staff changed."""

    name = "user.role_changed"
    summary = "platform role of user {user_id} changed"
    target_type = "user"
    security_name = "authz_change"

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSuspended(DomainEvent):
    """Staff stopped an account: its sessions end, its keys stop, for good or until a day in RFC 3339."""

    name = "user.suspended"
    summary = "user {user_id} suspended: {reason}"
    target_type = "user"
    security_name = "authz_admin"
    is_change = True

    user_id: int
    reason: str
    until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserReinstated(DomainEvent):
    """An account is let in again, by staff or because its suspension was over."""

    name = "user.reinstated"
    summary = "user {user_id} reinstated"
    target_type = "user"
    security_name = "authz_admin"
    is_change = True

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffAccessRefused(DomainEvent):
    """Somebody asked the staff API for what their platform role does not allow."""

    name = "staff.access_refused"
    summary = "user {user_id} was refused {permission}"
    target_type = "user"
    security_name = "authz_fail"
    is_counted = True

    user_id: int
    permission: str
