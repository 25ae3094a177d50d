"""Events of what people ask for themselves: another address, their data, an end."""

from dataclasses import dataclass

from config.common.events import ChangeEvent, DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordResetRequested(DomainEvent):
    """Somebody asked for a link that sets a new password; it went to the account's address."""

    name = "user.password_reset_requested"
    summary = "link to a new password mailed to user {user_id}"
    target_type = "user"

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChangeRequested(DomainEvent):
    """Someone wishes to use another address; both addresses were asked."""

    name = "user.email_change_requested"
    summary = "user {user_id} wishes to use another address"
    target_type = "user"
    security_name = "user_updated"
    is_change = True

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChangeCanceled(DomainEvent):
    """A wish to use another address was taken back, or one of the addresses refused it."""

    name = "user.email_change_canceled"
    summary = "change of address of user {user_id} canceled: {reason}"
    target_type = "user"
    is_change = True

    user_id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChanged(ChangeEvent):
    """Both addresses agreed: someone signs in by another address; every session has ended."""

    name = "user.email_changed"
    summary = "address of user {user_id} changed"
    target_type = "user"
    security_name = "user_updated"

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataExportRequested(DomainEvent):
    """Someone asked for a copy of their data."""

    name = "user.export_requested"
    summary = "user {user_id} asked for a copy of their data"
    target_type = "user"
    is_change = True

    user_id: int
    export_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataExported(DomainEvent):
    """A copy of someone's data is ready to be fetched."""

    name = "user.data_exported"
    summary = "copy of the data of user {user_id} is ready"
    target_type = "user"
    is_change = True

    user_id: int
    export_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataExportDownloaded(DomainEvent):
    """Someone fetched the copy of their data."""

    name = "user.export_downloaded"
    summary = "user {user_id} fetched the copy of their data"
    target_type = "user"
    security_name = "sensitive_read"

    user_id: int
    export_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDeletionRequested(DomainEvent):
    """Someone asked to close their account. Who knows a reason against it raises it."""

    name = "user.deletion_requested"
    summary = "user {user_id} asked to be deleted"
    target_type = "user"
    security_name = "user_deleted"
    is_change = True

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDeletionCanceled(DomainEvent):
    """Someone keeps the account that was to be deleted."""

    name = "user.deletion_canceled"
    summary = "user {user_id} keeps the account"
    target_type = "user"
    is_change = True

    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserErased(DomainEvent):
    """An account is closed for good: what was personal is gone, what the law keeps is nobody's any more."""

    name = "user.erased"
    summary = "user {user_id} erased"
    target_type = "user"
    security_name = "user_deleted"
    is_change = True

    user_id: int
