"""Using another address: the old one and the new one have both to agree, in whichever order."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from accounts import selectors
from accounts.models import EmailChange, EmailToken, User
from accounts.services import links, locks, proof, registration, sessions
from accounts.services.registration import AddressTaken
from accounts.signals import EmailChangeCanceled, EmailChanged, EmailChangeRequested
from config.common import changes, context, mail
from config.common.errors import DomainError, InvalidInput, TooManyRequests
from config.common.events import publish

LIFETIME = timedelta(hours=24)
_LINKS = (EmailToken.Purpose.CONFIRM_OLD, EmailToken.Purpose.CONFIRM_NEW)


class EmailChangeFailed(DomainError):
    """The link was used before, is older than 24 hours, or the change was canceled."""

    code = "email_change_failed"
    title = "The address could not be changed"
    fix = "Ask for the change again and open the links in both mails."
    answered_by = ("auth_email_change_confirm", "auth_email_change_cancel")


def request(*, user: User, email: str, password: str, at: datetime) -> EmailChange:
    """Ask the old and the new address whether the account may move. An older wish is given up.

    For an address that belongs to somebody else everything looks the same to the person who asks; its owner is told
    instead of being asked. Raises WrongPassword, InvalidInput, TooManyRequests, and Unauthenticated where the session
    was ended meanwhile.
    """
    email = User.objects.normalize_email(email)
    registration.require_readable_address(email)
    proof.require_password(user=user, password=password, at=at)
    if email == user.email:
        raise InvalidInput.at(
            "#/email", code="same_address", message="This is your address already."
        )
    if not links.may_mail("email-change", user.email, at=at):
        raise TooManyRequests(
            "Your address was asked often enough for this hour.", headers={"Retry-After": "3600"}
        )
    return _request(user=user, email=email, at=at)


@transaction.atomic
def _request(*, user: User, email: str, at: datetime) -> EmailChange:
    # Whoever set a new password meanwhile meant to keep out who asks with the old one.
    locked = sessions.hold_author(user)
    cancel(user=locked, at=at, reason="replaced")
    change = EmailChange.objects.create(
        user=locked, old_email=locked.email, new_email=email, expires_at=at + LIFETIME
    )
    publish(
        EmailChangeRequested(user_id=locked.pk),
        after=changes.told(change, ("old_email", "new_email", "expires_at")),
    )
    _ask_old(change)
    _ask_new(change, at=at)
    return change


def _ask_old(change: EmailChange) -> None:
    token = links.issue(
        user=change.user,
        purpose=EmailToken.Purpose.CONFIRM_OLD,
        expires_at=change.expires_at,
        change=change,
    )
    values = {"user": change.user, "token": token, "new_email": change.new_email}
    mail.send("accounts/email_change_old", to=change.old_email, values=values)


def _ask_new(change: EmailChange, *, at: datetime) -> None:
    # Counted apart from what its owner asks for: others' wishes for an address keep nobody from leaving it.
    may_mail = links.may_mail("email-change-to", change.new_email, at=at)
    owner = selectors.user_by_email(change.new_email)
    with links.kept_only_if(owner is None):
        token = links.issue(
            user=change.user,
            purpose=EmailToken.Purpose.CONFIRM_NEW,
            expires_at=change.expires_at,
            email=change.new_email,
            change=change,
        )
    with links.kept_only_if(may_mail):
        if owner is None:
            values = {"user": change.user, "token": token, "old_email": change.old_email}
            mail.send("accounts/email_change_new", to=change.new_email, values=values)
        else:
            mail.send("accounts/email_change_taken", to=owner.email, values={"user": owner})


def confirm(*, token: str, at: datetime) -> EmailChange:
    """Use one of the two links; the second one moves the account, ends its sessions and tells the old address.

    Raises EmailChangeFailed, and AddressTaken when somebody else registered the address meanwhile.
    """
    change = _confirm(token=token, at=at)
    if change is None:
        # Raised outside the transaction, so that the end of the change stays committed.
        raise AddressTaken
    return change


@transaction.atomic
def _confirm(*, token: str, at: datetime) -> EmailChange | None:
    link, change = _used(token, at=at)
    if link.purpose == EmailToken.Purpose.CONFIRM_OLD:
        change.old_confirmed_at = at
    else:
        change.new_confirmed_at = at
    change.save(update_fields=["old_confirmed_at", "new_confirmed_at", "updated_at"])
    if change.old_confirmed_at is None or change.new_confirmed_at is None:
        return change
    with context.acting(change.user.as_actor()):
        try:
            _complete(change, at=at)
        except IntegrityError:
            cancel(user=change.user, at=at, reason="address_taken")
            return None
    return change


@transaction.atomic
def _complete(change: EmailChange, *, at: datetime) -> None:
    user = change.user
    User.objects.filter(pk=user.pk).update(email=change.new_email, email_verified_at=at)
    user.email = change.new_email
    change.completed_at = at
    change.save(update_fields=["completed_at", "updated_at"])
    sessions.end_all(user=user, reason="email_changed")
    publish(
        EmailChanged(
            user_id=user.pk, before={"email": change.old_email}, after={"email": change.new_email}
        )
    )
    values = {"user": user, "new_email": change.new_email}
    mail.send("accounts/email_changed", to=change.old_email, values=values)


@transaction.atomic
def refuse(*, token: str, at: datetime) -> EmailChange:
    """Cancel the change with either of its links. Raises EmailChangeFailed."""
    link, change = _used(token, at=at)
    reason = (
        "refused_at_old" if link.purpose == EmailToken.Purpose.CONFIRM_OLD else "refused_at_new"
    )
    cancel(user=change.user, at=at, reason=reason)
    return change


def _used(token: str, *, at: datetime) -> tuple[EmailToken, EmailChange]:
    """Use a link and return it with its change, both locked behind the person's row."""
    link = links.open_links(token, *_LINKS, at=at).first()
    if link is None or link.change_id is None:
        raise EmailChangeFailed
    user = locks.person(link.user_id)
    change = EmailChange.objects.filter(
        pk=link.change_id, completed_at=None, canceled_at=None, old_email=user.email
    ).first()
    if change is None or not user.is_active:
        raise EmailChangeFailed
    if not links.open_links(token, *_LINKS, at=at).update(used_at=at):
        raise EmailChangeFailed
    change.user = user
    return link, change


@transaction.atomic
def cancel(*, user: User, at: datetime, reason: str = "canceled_by_user") -> bool:
    """Give up a person's wish to use another address; return whether there was one."""
    open_ones = EmailChange.objects.filter(user_id=user.pk, completed_at=None, canceled_at=None)
    if not open_ones.update(canceled_at=at, updated_at=at):
        return False
    links.void(user=user, at=at, purposes=_LINKS)
    publish(
        EmailChangeCanceled(user_id=user.pk, reason=reason),
        **changes.of(canceled_at=(None, at)),
    )
    return True
