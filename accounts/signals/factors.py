"""Events of second factors and passkeys."""

from dataclasses import dataclass

from config.common.events import ChangeEvent, DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodeUsed(DomainEvent):
    """Someone used one of their recovery codes up."""

    name = "user.recovery_code_used"
    summary = "user {user_id} used a recovery code; {left} are left"
    target_type = "user"
    security_name = "privilege_permissions_changed"
    is_change = True

    user_id: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodesReplaced(DomainEvent):
    """Someone asked for new recovery codes; the old ones are worth nothing."""

    name = "user.recovery_codes_replaced"
    summary = "user {user_id} has new recovery codes"
    target_type = "user"
    security_name = "privilege_permissions_changed"
    is_change = True

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoFactorEnabled(DomainEvent):
    """Someone confirmed their authenticator app: from now on a password alone is not enough."""

    name = "user.two_factor_enabled"
    summary = "user {user_id} turned two-factor authentication on"
    target_type = "user"
    security_name = "privilege_permissions_changed"
    is_change = True

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoFactorDisabled(DomainEvent):
    """Someone took their authenticator app away."""

    name = "user.two_factor_disabled"
    summary = "user {user_id} turned two-factor authentication off"
    target_type = "user"
    security_name = "privilege_permissions_changed"
    is_change = True

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoFactorRemoved(DomainEvent):
    """Staff took every second factor from a person who had lost theirs."""

    name = "user.two_factor_removed"
    summary = "second factors of user {user_id} removed: {reason}"
    target_type = "user"
    security_name = "privilege_permissions_changed"
    is_change = True

    user_id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyAdded(DomainEvent):
    """Someone can sign in with another passkey."""

    name = "passkey.added"
    summary = "passkey {label} of user {user_id} added"
    target_type = "user"
    security_name = "privilege_permissions_changed"
    is_change = True

    user_id: int
    passkey_id: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyRenamed(ChangeEvent):
    """Someone calls a passkey of theirs by another name."""

    name = "passkey.renamed"
    summary = "passkey {passkey_id} of user {user_id} renamed"
    target_type = "user"

    user_id: int
    passkey_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyRemoved(DomainEvent):
    """A passkey of someone's opens nothing any more."""

    name = "passkey.removed"
    summary = "passkey {label} of user {user_id} removed"
    target_type = "user"
    security_name = "privilege_permissions_changed"
    is_change = True

    user_id: int
    passkey_id: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyRefused(DomainEvent):
    """A device's answer proved nothing; it may have come from nobody we know."""

    name = "passkey.refused"
    summary = "passkey not accepted ({purpose})"
    target_type = "user"
    security_name = "authn_login_fail"

    user_id: int | None
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyCloneSuspected(DomainEvent):
    """A passkey's signature held, but its device counted backwards: there may be two of it. It was refused."""

    name = "passkey.clone_suspected"
    summary = "passkey {label} of user {user_id} counted {given_count} after {known_count}"
    target_type = "user"
    security_name = "authn_token_reuse"

    user_id: int
    passkey_id: int
    label: str
    known_count: int
    given_count: int
