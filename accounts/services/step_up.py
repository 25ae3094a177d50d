"""Step-up: what could do lasting harm needs a proof of who is there that is at most ten minutes old.

A stolen session or access token alone cannot do it. API keys have no session; their scopes say what they may do.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Greatest

from accounts.models import PasskeyChallenge, Session, User
from accounts.passkeys import Credential, Options
from accounts.services import assertions, factors, proof
from accounts.signals import SessionReauthenticated
from config.common import changes
from config.common.errors import DomainError, InvalidInput, Unauthenticated
from config.common.events import publish

RECENT = timedelta(minutes=10)
ENDPOINT = "/api/v1/auth/reauthenticate"


class ReauthenticationRequired(DomainError):
    """This needs a proof of who you are that is at most ten minutes old."""

    code = "reauthentication_required"
    title = "Confirm that it is you"
    status = 403
    fix = f"Prove who you are by one of the `methods` at POST {ENDPOINT}, then send the request again."
    retry = "Yes, unchanged, once you have proved who you are."
    # Where only some requests need it.
    answered_by = (
        "admin_users_update",
        "organizations_members_update",
        "organizations_invitations_create",
    )
    members = {
        "methods": ("How you can: `password`, `code` or `passkey`.", ["password", "code"]),
        "endpoint": ("Where you do.", ENDPOINT),
        "max_age_seconds": ("How old a proof may be.", 600),
    }


def is_recent(session: Session, *, at: datetime) -> bool:
    """Whether the person behind the session has proved who they are within the last ten minutes."""
    return session.authenticated_at > at - RECENT


def methods_of(user: User) -> list[str]:
    """Return the ways in which a person can confirm who they are."""
    has = set(factors.second_factors(user))
    can = {
        "password": user.has_usable_password(),
        "code": bool(has & {"totp", "recovery_code"}),
        "passkey": "passkey" in has,
    }
    return [method for method, is_possible in can.items() if is_possible]


def require_recent(*, session: Session, at: datetime) -> None:
    """Raise ReauthenticationRequired, which says how, unless the session's proof is recent."""
    if not is_recent(session, at=at):
        raise ReauthenticationRequired(
            methods=methods_of(session.user),
            endpoint=ENDPOINT,
            max_age_seconds=int(RECENT.total_seconds()),
        )


def begin_by_passkey(*, session: Session, at: datetime) -> Options:
    """Return what a browser needs to have one of the person's passkeys sign."""
    purpose = PasskeyChallenge.Purpose.REAUTHENTICATE
    return assertions.begin(purpose=purpose, user=session.user, at=at)


def reauthenticate(
    *,
    session: Session,
    at: datetime,
    password: str | None = None,
    code: str | None = None,
    credential: Credential | None = None,
) -> None:
    """Take one proof of who is there, and count the session's ten minutes anew.

    A wrong password counts as a failed sign-in. Raises InvalidInput unless there is exactly one proof, WrongPassword,
    InvalidCode, PasskeyNotAccepted, and TooManyRequests while guessing is paused.
    """
    given = [one for one in (password, code, credential) if one is not None]
    if len(given) != 1:
        raise _one_of_them()
    if password is not None:
        proof.require_password(user=session.user, password=password, at=at)
        _renew(session, method="password", at=at)
    elif code is not None:
        factors.require_code(user=session.user, code=code, at=at)
        _renew(session, method="code", at=at)
    elif credential is not None:
        purpose = PasskeyChallenge.Purpose.REAUTHENTICATE
        assertions.require_signature(
            credential=credential, purpose=purpose, user=session.user, at=at
        )
        _renew(session, method="passkey", at=at)


def _one_of_them() -> InvalidInput:
    message = "Give exactly one of password, code and credential."
    return InvalidInput.at("#", code="one_of", message=message)


@transaction.atomic
def _renew(session: Session, *, method: str, at: datetime) -> None:
    """Note the proof, unless the session has ended meanwhile. Of two at once the later one counts."""
    proved = {"authenticated_at": Greatest("authenticated_at", at), "updated_at": at}
    if method != "password":
        proved["second_factor_at"] = at
    if not Session.objects.filter(pk=session.pk, ended_at=None).update(**proved):
        raise Unauthenticated("The session has ended.")
    publish(
        SessionReauthenticated(user_id=session.user_id, session_id=session.pk, method=method),
        **changes.of(authenticated_at=(session.authenticated_at, at)),
    )
