"""State of people: who they are, how they prove it, where they are signed in."""

from accounts.models.broadcasts import Broadcast, BroadcastRecipient
from accounts.models.exports import DataExport
from accounts.models.factors import Passkey, PasskeyChallenge, RecoveryCode, TotpDevice
from accounts.models.links import EmailChange, EmailToken
from accounts.models.notices import Notice
from accounts.models.people import (
    PlatformRole,
    User,
    UserManager,
    UserStatus,
    time_zones,
    validate_full_name,
    validate_time_zone,
)
from accounts.models.sessions import Device, LoginGuard, PendingSignIn, Session

__all__ = [
    "Broadcast",
    "BroadcastRecipient",
    "DataExport",
    "Device",
    "EmailChange",
    "EmailToken",
    "LoginGuard",
    "Notice",
    "Passkey",
    "PasskeyChallenge",
    "PendingSignIn",
    "PlatformRole",
    "RecoveryCode",
    "Session",
    "TotpDevice",
    "User",
    "UserManager",
    "UserStatus",
    "time_zones",
    "validate_full_name",
    "validate_time_zone",
]
