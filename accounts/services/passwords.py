"""Setting a new password: with the old one, or with a mailed link. Sessions that the old one opened end."""

from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts import selectors
from accounts.models import EmailToken, Session, User
from accounts.services import alerts, email_changes, links, locks, proof, registration, sessions
from accounts.signals import PasswordChanged, PasswordResetRequested
from config.common import changes, context, mail
from config.common.errors import DomainError, Unauthenticated
from config.common.events import publish

RESET_LIFETIME = timedelta(hours=1)
_RESET = EmailToken.Purpose.RESET_PASSWORD
_ENDED = "The session has ended."


class ResetFailed(DomainError):
    """The link was used before, is older than one hour, or a newer one was sent."""

    code = "password_reset_failed"
    title = "The password could not be reset"
    fix = "Ask for a new link and open the newest one you received."
    answered_by = ("auth_password_reset_confirm",)


@transaction.atomic
def request_reset(*, email: str, at: datetime) -> None:
    """Mail a link, good once and for an hour, with which the owner of the address sets a new password.

    Older links stop working. The caller is not told, and cannot measure, whether the address is known.
    """
    email = User.objects.normalize_email(email)
    may_mail = links.may_mail("reset", email, at=at)
    user = selectors.user_by_email(email)
    is_open = user is not None and user.is_active
    # For nobody the rows are written as well, for an id that no person has, and undone before it is checked.
    recipient = user or User(pk=0, email=email)
    with links.kept_only_if(is_open and may_mail):
        links.void(user=recipient, at=at, purposes=(_RESET,))
        token = links.issue(user=recipient, purpose=_RESET, expires_at=at + RESET_LIFETIME)
        publish(PasswordResetRequested(user_id=recipient.pk))
        mail.send("accounts/reset_password", to=email, values={"user": recipient, "token": token})


def reset(*, token: str, password: str, at: datetime) -> User:
    """Set a new password with a mailed link. One conditional UPDATE decides who of many is first.

    Nobody is signed in by it: whoever has a second factor is asked for it afterwards, on every device. A password that
    is not good enough leaves the link as it was. Raises ResetFailed and InvalidInput.
    """
    link = links.open_links(token, _RESET, at=at).select_related("user").first()
    if link is None or link.email != link.user.email or not link.user.is_active:
        raise ResetFailed
    user = link.user
    registration.require_good_password(password, email=user.email, full_name=user.full_name)
    hashed = make_password(password)
    with context.acting(user.as_actor()):
        _reset(user=user, token=token, hashed=hashed, at=at)
    return user


@transaction.atomic
def _reset(*, user: User, token: str, hashed: str, at: datetime) -> None:
    owner = locks.person(user.pk)
    # Once more under the lock: the address may have changed, or the account have closed, while the password was hashed.
    link = links.open_links(token, _RESET, at=at).filter(user_id=owner.pk, email=owner.email)
    if not owner.is_active or not link.update(used_at=at):
        raise ResetFailed
    sessions.lock_open(user=owner)
    # Whoever had the password may have asked for another address.
    email_changes.cancel(user=owner, at=at, reason="password_reset")
    _store(user=owner, hashed=hashed, at=at)


def change(
    *, user: User, current_password: str, new_password: str, session_id: int | None, at: datetime
) -> Session:
    """Exchange the password for another one and return the given session, which lives on; all others end.

    Its cookie or access token has to be made anew, for the session version rises. Raises WrongPassword, InvalidInput,
    Unauthenticated if the session has just ended, and TooManyRequests while sign-in is paused.
    """
    registration.require_good_password(
        new_password, email=user.email, full_name=user.full_name, pointer="#/new_password"
    )
    proof.require_password(
        user=user, password=current_password, at=at, pointer="#/current_password"
    )
    return _exchange(user=user, hashed=make_password(new_password), session_id=session_id, at=at)


@transaction.atomic
def _exchange(*, user: User, hashed: str, session_id: int | None, at: datetime) -> Session:
    """Store the new password while the session holds that the present one was given in.

    Whoever reset the password meanwhile has ended it: what was proved with the old one is worth nothing any more.
    """
    try:
        owner = sessions.locked_owner(user)
    except sessions.InvalidCredentials:
        raise Unauthenticated(_ENDED) from None
    if session_id not in {session.pk for session in sessions.lock_open(user=owner)}:
        raise Unauthenticated(_ENDED)
    _store(user=owner, hashed=hashed, at=at, keep=session_id)
    return Session.objects.select_related("user").get(pk=session_id)


@transaction.atomic
def _store(*, user: User, hashed: str, at: datetime, keep: int | None = None) -> None:
    links.void(user=user, at=at, purposes=(_RESET,))
    User.objects.filter(pk=user.pk).update(password=hashed)
    record_change(user=user, keep=keep)
    alerts.send("accounts/password_changed", to=user, at=at)


@transaction.atomic
def record_change(*, user: User, keep: int | None = None) -> None:
    """End the sessions of a person whose password has just changed, and every trust: others may know the old one."""
    sessions.end_all(user=user, reason="password_changed", keep=keep)
    publish(PasswordChanged(user_id=user.pk), **changes.of_secret("password"))
