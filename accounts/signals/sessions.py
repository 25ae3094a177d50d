"""Events of signing in and out."""

from dataclasses import dataclass

from config.common.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(DomainEvent):
    """Someone signed in on a device."""

    name = "session.started"
    summary = "user {user_id} signed in"
    target_type = "user"
    is_change = True

    user_id: int
    session_id: int
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(DomainEvent):
    """A device was signed out."""

    name = "session.ended"
    summary = "session {session_id} ended: {reason}"
    target_type = "user"
    is_change = True

    user_id: int
    session_id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshTokenReused(DomainEvent):
    """A refresh token that was already replaced came again; its whole family has ended."""

    name = "session.token_reused"
    summary = "refresh token of session {session_id} presented twice"
    target_type = "user"
    security_name = "authn_token_reuse"

    user_id: int
    session_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFailed(DomainEvent):
    """Someone gave an address and a password that do not belong together; the address may be nobody's."""

    name = "session.login_failed"
    summary = "sign-in failed"
    target_type = "user"
    security_name = "authn_login_fail"

    user_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRefused(DomainEvent):
    """Someone tried to sign in while sign-in was paused; the password was not looked at."""

    name = "session.login_refused"
    summary = "sign-in tried while it is paused"
    target_type = "user"
    security_name = "authn_login_fail_max"
    is_counted = True

    user_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginLocked(DomainEvent):
    """Sign-in of an account or from an address was paused after too many failures."""

    name = "session.login_locked"
    summary = "sign-in paused for {seconds} s after {failures} failures"
    target_type = "user"
    security_name = "authn_login_lock"

    user_id: int | None
    failures: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRefused(DomainEvent):
    """Someone gave a wrong code of an authenticator app, or a wrong recovery code."""

    name = "session.code_refused"
    summary = "second factor of user {user_id} refused"
    target_type = "user"
    security_name = "authn_login_fail"

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTrusted(DomainEvent):
    """Someone said that a password is enough on a device for a while."""

    name = "device.trusted"
    summary = "user {user_id} trusts device {device_id}"
    target_type = "user"
    security_name = "privilege_permissions_changed"
    is_change = True

    user_id: int
    device_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRemoved(DomainEvent):
    """Someone had a device forgotten: it is neither known nor trusted any more."""

    name = "device.removed"
    summary = "device {device_id} of user {user_id} forgotten"
    target_type = "user"
    security_name = "privilege_permissions_changed"
    is_change = True

    user_id: int
    device_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReauthenticated(DomainEvent):
    """Someone who is signed in proved again who they are; for ten minutes they may do what needs that."""

    name = "session.reauthenticated"
    summary = "user {user_id} confirmed who they are by {method}"
    target_type = "user"
    is_change = True

    user_id: int
    session_id: int
    method: str
