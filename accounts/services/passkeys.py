"""Adding, naming and removing the passkeys of a person."""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts import passkeys, selectors
from accounts.models import Passkey, PasskeyChallenge, User
from accounts.passkeys import Credential, CredentialRefused, NewCredential, Options
from accounts.services import (
    alerts,
    challenges,
    devices,
    factors,
    locks,
    recovery_codes,
    registration,
    sessions,
)
from accounts.signals import PasskeyAdded, PasskeyRemoved, PasskeyRenamed
from config.common import changes
from config.common.errors import Conflict, DomainError, NotFound
from config.common.events import publish

MAX_PER_PERSON = 20


class PasskeyNotAdded(DomainError):
    """The answer of the device is not one to the question asked here, or came later than five minutes after it."""

    code = "passkey_not_added"
    title = "The passkey could not be added"
    fix = "Begin again: each question to a device is good for one answer, within five minutes."
    answered_by = ("auth_passkeys_add",)


class TooManyPasskeys(Conflict):
    """There are as many passkeys as one person may have."""

    code = "too_many_passkeys"
    title = "No room for another passkey"
    fix = f"Remove one that you no longer use; {MAX_PER_PERSON} are kept."
    answered_by = ("auth_passkeys_options", "auth_passkeys_add")


class LastFactor(Conflict):
    """It is the last second factor of someone who cannot do without one."""

    code = "last_second_factor"
    title = "The last second factor has to stay"
    fix = "Add another one first, a passkey or an authenticator app; staff needs one to enter the back office."
    answered_by = ("auth_passkeys_remove", "auth_two_factor_disable")


@dataclass(frozen=True, slots=True)
class Added:
    """A new passkey, and recovery codes if it is the person's first second factor; they are shown this once."""

    passkey: Passkey
    recovery_codes: list[str]


@transaction.atomic
def begin_adding(*, user: User, at: datetime) -> Options:
    """Return what the browser needs to make a passkey, for who has proved the address.

    Raises EmailNotVerified and TooManyPasskeys.
    """
    registration.require_verified(user)
    _require_room(user)
    purpose = PasskeyChallenge.Purpose.REGISTER
    return passkeys.creation_options(
        challenge=challenges.issue(purpose=purpose, user=user, at=at),
        user_id=user.pk,
        email=user.email,
        full_name=user.full_name,
        known=selectors.known_credentials(user),
    )


def add(
    *,
    user: User,
    session_id: int | None = None,
    credential: Credential,
    name: str = "",
    at: datetime,
) -> Added:
    """Keep the passkey that a device made, and mail the person.

    Whoever had no second factor has one now: they get recovery codes, and other sessions, opened with less, end.
    Raises PasskeyNotAdded, TooManyPasskeys, and Unauthenticated when the session was ended meanwhile.
    """
    purpose = PasskeyChallenge.Purpose.REGISTER
    try:
        answer = passkeys.read_creation(credential)
        # In a transaction of its own, so that a challenge is used up by a wrong answer, too.
        if not challenges.redeem(challenge=answer.challenge, purpose=purpose, user=user, at=at):
            raise PasskeyNotAdded
        made = passkeys.check_creation(answer)
    except CredentialRefused:
        raise PasskeyNotAdded from None
    try:
        return _keep(user, session_id, made, name, at=at)
    except IntegrityError:
        raise PasskeyNotAdded("This passkey is in use already.") from None


@transaction.atomic
def _keep(
    user: User, session_id: int | None, made: NewCredential, name: str, *, at: datetime
) -> Added:
    owner = locks.person(user.pk)
    sessions.hold_open(user=owner, keep=session_id)
    _require_room(owner)
    is_first = not factors.has_second_factor(owner)
    passkey = Passkey(
        user=owner,
        name=name or f"Passkey {owner.passkeys.count() + 1}",
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        aaguid=made.aaguid,
        transports=made.transports,
        is_synced=made.is_synced,
    )
    passkey.save(force_insert=True)
    publish(
        PasskeyAdded(user_id=owner.pk, passkey_id=passkey.pk, label=passkey.name),
        after=changes.told(passkey),
    )
    alerts.send("accounts/passkey_added", to=owner, passkey=passkey)
    codes = _begin_second_factor(owner, session_id, at=at) if is_first else []
    return Added(passkey=passkey, recovery_codes=codes)


def _begin_second_factor(owner: User, session_id: int | None, *, at: datetime) -> list[str]:
    # The device was at hand a moment ago: the session that added it counts as one that gave its second factor.
    if session_id is not None:
        owner.sessions.filter(pk=session_id, ended_at=None).update(second_factor_at=at)
    sessions.end_others(user=owner, keep=session_id, reason="two_factor_enabled")
    return recovery_codes.replace(user=owner)


def _require_room(user: User) -> None:
    if user.passkeys.count() >= MAX_PER_PERSON:
        raise TooManyPasskeys


@transaction.atomic
def rename(*, user: User, passkey_id: int, name: str) -> Passkey:
    """Give one of a person's passkeys another name and return it. Raises NotFound."""
    passkey = _locked(user, passkey_id)
    if passkey.name != name:
        before, passkey.name = passkey.name, name
        passkey.save(update_fields=["name", "updated_at"])
        publish(
            PasskeyRenamed(
                user_id=user.pk,
                passkey_id=passkey.pk,
                before={"name": before},
                after={"name": name},
            )
        )
    return passkey


@transaction.atomic
def remove(*, user: User, session_id: int | None = None, passkey_id: int) -> None:
    """Forget one of a person's passkeys, and mail them; with the last factor go the recovery codes and other sessions.

    Raises NotFound, LastFactor, and Unauthenticated when the session was ended.
    """
    # Whoever removes a factor holds the person's row: of two last ones, removed at once, one stays.
    owner = locks.person(user.pk)
    sessions.hold_open(user=owner, keep=session_id)
    passkey = _locked(owner, passkey_id)
    _forget(passkey)
    if not factors.has_second_factor(owner):
        _end_second_factor(owner, session_id)
    alerts.send("accounts/passkey_removed", to=owner, passkey=passkey)


def _end_second_factor(owner: User, session_id: int | None) -> None:
    if owner.is_staff or not owner.has_usable_password():
        raise LastFactor
    owner.recovery_codes.all().delete()
    devices.end_trust(user=owner)
    sessions.end_others(user=owner, keep=session_id, reason="two_factor_disabled")


@transaction.atomic
def remove_all(*, user: User) -> int:
    """Forget every passkey of a person, as staff does for someone who lost their devices; return how many."""
    rows = user.passkeys.select_for_update(no_key=True).order_by("pk")
    return sum(_forget(passkey) for passkey in rows)


def _locked(user: User, passkey_id: int) -> Passkey:
    rows = user.passkeys.select_for_update(no_key=True)
    passkey = rows.filter(pk=passkey_id).first()
    if passkey is None:
        raise NotFound
    return passkey


def _forget(passkey: Passkey) -> int:
    publish(
        PasskeyRemoved(user_id=passkey.user_id, passkey_id=passkey.pk, label=passkey.name),
        before=changes.told(passkey),
    )
    return Passkey.objects.filter(pk=passkey.pk).delete()[0]
