"""What concerns security, by the names of the OWASP logging vocabulary: how soon to look, and what each one means. Pure.

An event class that carries one of these names in `security_name` becomes a security event. The names that classes carry
are these, no more and no fewer: a test holds to it, so that monitoring may rely on the list.
"""

from dataclasses import dataclass
from enum import StrEnum


class SeverityName(StrEnum):
    """How soon a person should look."""

    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


@dataclass(frozen=True, slots=True)
class Term:
    """One name of the vocabulary.

    `is_personal` if it tells a person about their own account, `is_shared` if the organizations of that person see,
    too, that it happened: an attack upon a member's account concerns them.
    """

    name: str
    severity: SeverityName
    title: str
    description: str
    is_personal: bool = False
    is_shared: bool = False


_INFO, _WARNING, _CRITICAL = SeverityName.INFO, SeverityName.WARNING, SeverityName.CRITICAL

_TERMS = (
    Term("authn_login_fail", _INFO, "Sign-in failed", "An address and a password, or a code, that do not belong together.", is_personal=True),
    Term("authn_login_fail_max", _WARNING, "Sign-in tried while paused", "Somebody goes on guessing although sign-in is paused.", is_personal=True, is_shared=True),
    Term("authn_login_lock", _WARNING, "Sign-in paused", "Too many failures: sign-in of an account, or from an address, is paused.", is_personal=True, is_shared=True),
    Term("authn_password_change", _WARNING, "Password changed", "A person has a new password; every session has ended.", is_personal=True),
    Term("authn_token_reuse", _CRITICAL, "Old token used again", "A refresh token came a second time, and its whole session has ended; or a passkey counted backwards, and was refused. A copy of it exists.", is_personal=True, is_shared=True),
    Term("authz_admin", _INFO, "Staff intervened", "Staff, or an operator's command, stopped or changed an account, an organization or a platform credential."),
    Term("authz_change", _WARNING, "Rights changed", "Somebody's role changed."),
    Term("authz_fail", _WARNING, "Permission denied", "Somebody tried what their role, their key or their address does not allow, or asked for what is another organization's."),
    Term("excess_rate_limit_exceeded", _WARNING, "Too many requests", "One address knocks at a door of sign-in faster than its limit."),
    Term("privilege_permissions_changed", _WARNING, "Means of sign-in changed", "A second factor, a passkey or a trusted device was added or removed.", is_personal=True),
    Term("sensitive_read", _INFO, "Personal data copied", "Somebody asked for a copy of everything that is known about them.", is_personal=True),
    Term("user_deleted", _WARNING, "Account closed", "An account is closed, or is about to be.", is_personal=True),
    Term("user_updated", _WARNING, "Address changed", "The address with which a person signs in changes.", is_personal=True),
)  # fmt: skip

TERMS = {term.name: term for term in _TERMS}
PERSONAL = frozenset(term.name for term in _TERMS if term.is_personal)
SHARED = frozenset(term.name for term in _TERMS if term.is_shared)


def severity_of(name: str) -> SeverityName:
    """Return how soon a person should look; a name that is not in the vocabulary is a warning."""
    return TERMS[name].severity if name in TERMS else _WARNING


def title_of(name: str) -> str:
    """Return the words for a name."""
    return TERMS[name].title if name in TERMS else name


def meaning_of(name: str) -> str:
    """Return what a name means, as one sentence."""
    return TERMS[name].description if name in TERMS else ""
