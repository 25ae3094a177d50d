"""Closing an account: asked for, fourteen days in which to think again, then erased for good."""

import secrets
from datetime import datetime, timedelta

import structlog
from django.contrib.auth.hashers import make_password
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from accounts import avatars
from accounts.models import PlatformRole, User, UserStatus
from accounts.services import email_changes, exports, links, locks, proof, sessions
from accounts.signals import UserDeletionCanceled, UserDeletionRequested, UserErased
from config.common import changes, mail
from config.common.errors import Conflict, DomainError
from config.common.events import publish
from config.common.models import OutgoingMail

logger = structlog.get_logger(__name__)
GRACE = timedelta(days=14)
REMIND_BEFORE = timedelta(days=3)
_AT_ONCE = 100
# What belongs to a person and to nobody else; rows that the law or others need are not among it.
_OWN = (
    "sessions", "devices", "pending_sign_ins", "email_tokens", "email_changes", "recovery_codes", "passkeys",
    "passkey_challenges", "totpdevice_set", "userobjectpermission_set", "notices", "broadcasts_received",
)  # fmt: skip


class CannotDelete(Conflict):
    """The account of a super admin cannot be closed."""

    code = "cannot_delete"
    title = "The account cannot be deleted"
    fix = "Have another super admin give you another role first."
    answered_by = ("users_me_deletion_request",)


def request(*, user: User, password: str, at: datetime) -> User:
    """Ask for an account to be erased in fourteen days; until then its owner can take that back.

    Whoever knows a reason against it, such as being the sole owner of an organization with other members, raises it
    when the event is published. Raises WrongPassword, CannotDelete, what those raise, and Unauthenticated where the session
    was ended meanwhile.
    """
    proof.require_password(user=user, password=password, at=at)
    return _request(user=user, at=at)


@transaction.atomic
def _request(*, user: User, at: datetime) -> User:
    # Whoever set a new password meanwhile meant to keep out who asks with the old one.
    locked = sessions.hold_author(user)
    if locked.deletion_due_at is not None:
        return locked
    _require_deletable(locked)
    publish(
        UserDeletionRequested(user_id=locked.pk),
        **changes.of(deletion_due_at=(None, at + GRACE)),
    )
    locked.deletion_requested_at, locked.deletion_due_at = at, at + GRACE
    locked.deletion_reminded_at = None
    _save_deletion(locked)
    values = {"user": locked, "due_at": locked.deletion_due_at}
    mail.send("accounts/deletion_requested", to=locked.email, values=values)
    return locked


def _require_deletable(user: User) -> None:
    if user.role == PlatformRole.SUPER_ADMIN:
        raise CannotDelete
    if user.status == UserStatus.DELETED:
        raise CannotDelete("The account is erased already.")


@transaction.atomic
def cancel(*, user: User) -> bool:
    """Keep the account after all; return whether it was to be deleted."""
    locked = locks.person(user.pk)
    if locked.deletion_due_at is None or locked.status == UserStatus.DELETED:
        return False
    before = changes.snapshot(locked)
    locked.deletion_requested_at = locked.deletion_due_at = locked.deletion_reminded_at = None
    _save_deletion(locked)
    publish(UserDeletionCanceled(user_id=locked.pk), **changes.since(before, locked))
    return True


def _save_deletion(user: User) -> None:
    user.save(
        update_fields=[
            "deletion_requested_at",
            "deletion_due_at",
            "deletion_reminded_at",
            "updated_at",
        ]
    )


def remind_due(*, at: datetime) -> int:
    """Remind people three days before their account goes, once; return how many."""
    soon = User.objects.filter(deletion_due_at__lte=at + REMIND_BEFORE, deletion_reminded_at=None)
    people = soon.exclude(status=UserStatus.DELETED)
    return sum(_remind(user, at=at) for user in people.order_by("pk")[:1000])


@transaction.atomic
def _remind(user: User, *, at: datetime) -> bool:
    unreminded = User.objects.filter(
        pk=user.pk, deletion_reminded_at=None, deletion_due_at__isnull=False
    )
    if not unreminded.update(deletion_reminded_at=at):
        return False
    values = {"user": user, "due_at": user.deletion_due_at}
    mail.send("accounts/deletion_reminder", to=user.email, values=values)
    return True


def erase_due(*, at: datetime) -> int:
    """Erase the accounts whose days are over, each in a transaction of its own; return how many.

    An account that may not go, because its owner has become the sole owner of an organization meanwhile, is tried again
    the next time, and so is one that a defect of ours keeps: it does not keep others.
    """
    due = User.objects.filter(deletion_due_at__lte=at).exclude(status=UserStatus.DELETED)
    erased = 0
    for user_id in due.order_by("deletion_due_at", "pk").values_list("pk", flat=True):
        # Counted are those that go: however many may not, the others have their turn.
        if erased >= _AT_ONCE:
            break
        erased += _erase_due(user_id, at=at)
    return erased


def _erase_due(user_id: int, *, at: datetime) -> bool:
    try:
        return erase(user_id=user_id, at=at, is_due_only=True)
    except DomainError as error:
        logger.warning("account_not_erased", user_id=user_id, code=error.code)
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        logger.exception("account_not_erased", user_id=user_id)
    return False


@transaction.atomic
def erase(*, user_id: int, at: datetime, is_due_only: bool = False) -> bool:
    """Erase one account now and return whether there was something to erase.

    Sessions, devices, second factors, links, exports and the picture go; the person's row stays under an address that
    nobody has, because invoices, the audit log and usage refer to it. Higher apps clean up when the event is published.
    Raises CannotDelete and what the others raise; then nothing has changed.
    """
    user = locks.person(user_id)
    is_due = user.deletion_due_at is not None and user.deletion_due_at <= at
    if user.status == UserStatus.DELETED or (is_due_only and not is_due):
        return False
    _require_deletable(user)
    _hold_own(user)
    _forget_mail(user)
    publish(
        # What is erased is not written down here once more.
        UserErased(user_id=user.pk),
        **changes.of(status=(user.status, UserStatus.DELETED)),
    )
    email, picture = user.email, user.avatar
    email_changes.cancel(user=user, at=at, reason="erased")
    sessions.end_all(user=user, reason="erased")
    exports.forget(user=user)
    for name in _OWN:
        getattr(user, name).all().delete()
    mail.send("accounts/deletion_done", to=email, values={"user": user})
    _anonymize(user)
    transaction.on_commit(lambda: avatars.remove(picture), robust=True)
    return True


def _hold_own(user: User) -> None:
    """Lock what is to go before anything is told: whoever changes one of the rows has its lock first, the log's second."""
    for name in (*_OWN, "exports"):
        rows = getattr(user, name).select_for_update(no_key=True).order_by("pk")
        list(rows.values_list("pk"))


def _forget_mail(user: User) -> None:
    """Delete what was mailed to the person, at former addresses, too, unless somebody else has one of them by now."""
    former = user.email_changes.exclude(completed_at=None).values_list("old_email", flat=True)
    addresses = {user.email, *former}
    others = User.objects.filter(email__in=addresses).exclude(pk=user.pk)
    theirs = addresses - set(others.values_list("email", flat=True))
    OutgoingMail.objects.filter(recipient__in=theirs).delete()


@transaction.atomic
def rehearse(*, user_id: int, at: datetime) -> None:
    """Do all that `erase` does, then undo it: raises whatever stands in the way."""
    with links.kept_only_if(condition=False):
        erase(user_id=user_id, at=at)


def _anonymize(user: User) -> None:
    User.objects.filter(pk=user.pk).update(
        # Not to be foreseen: whoever registered it first could keep a person from ever being erased.
        email=f"deleted-{user.pk}-{secrets.token_hex(8)}@deleted.invalid",
        full_name="",
        password=make_password(None),
        status=UserStatus.DELETED,
        role=PlatformRole.USER,
        email_verified_at=None,
        time_zone="UTC",
        avatar="",
        metadata={},
        last_login=None,
        last_login_ip=None,
        last_login_user_agent="",
        login_count=0,
        suspended_reason="",
        suspended_until=None,
        session_version=F("session_version") + 1,
    )
