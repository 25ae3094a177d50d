"""Proving who is there by a passkey: to sign in without a password, as a second factor, or to confirm.

A person is found by the passkey that signed; what is offered to sign tells nobody which people or passkeys exist.
"""

from datetime import datetime

from django.db import transaction

from accounts import passkeys, selectors
from accounts.models import Passkey, PasskeyChallenge, Session, User
from accounts.passkeys import Answer, Credential, CredentialRefused, Options, Proof
from accounts.services import challenges, locks
from accounts.services import sign_in as signing_in
from accounts.services.sign_in import Door, Entered
from accounts.signals import PasskeyCloneSuspected, PasskeyRefused
from config.common import context
from config.common.errors import DomainError
from config.common.events import publish

Purpose = PasskeyChallenge.Purpose


class PasskeyNotAccepted(DomainError):
    """The passkey is not known here, or its answer is not one to the question asked."""

    code = "passkey_not_accepted"
    title = "The passkey was not accepted"
    status = 401
    fix = "Begin again, with a passkey made at this site, or sign in in another way."
    answered_by = ("auth_passkeys_sign_in", "auth_passkeys_second_factor", "auth_reauthenticate")


@transaction.atomic
def begin_sign_in(*, at: datetime) -> Options:
    """Return what a browser needs to let anybody choose one of their passkeys; it is the same for everybody."""
    challenge = challenges.issue(purpose=Purpose.SIGN_IN, user=None, at=at)
    return passkeys.request_options(challenge=challenge, must_verify=True)


@transaction.atomic
def begin(*, purpose: PasskeyChallenge.Purpose, user: User, at: datetime) -> Options:
    """Return what a browser needs to have one of this person's passkeys sign."""
    challenge = challenges.issue(purpose=purpose, user=user, at=at)
    known = selectors.known_credentials(user)
    return passkeys.request_options(challenge=challenge, known=known, must_verify=False)


def sign_in(*, credential: Credential, door: Door, at: datetime) -> Entered:
    """Open a session for whoever's passkey signed, with fingerprint, face or PIN checked. Raises PasskeyNotAccepted."""
    passkey = _prove(credential, purpose=Purpose.SIGN_IN, user=None, at=at)
    with transaction.atomic():
        _require_kept(passkey)
        return signing_in.enter(user=passkey.user, door=door, method=Session.Method.PASSKEY, at=at)


def begin_second_factor(*, token: str, at: datetime) -> Options:
    """Return what a browser needs to finish the sign-in that a token names by a passkey. Raises SignInExpired."""
    pending = signing_in.pending_of(token=token, at=at)
    return begin(purpose=Purpose.SECOND_FACTOR, user=pending.user, at=at)


def finish_sign_in(*, token: str, credential: Credential, door: Door, at: datetime) -> Entered:
    """Complete the sign-in that a token names by a passkey. Raises SignInExpired and PasskeyNotAccepted."""
    pending = signing_in.pending_of(token=token, at=at)
    with context.acting(pending.user.as_actor()):
        passkey = _prove(credential, purpose=Purpose.SECOND_FACTOR, user=pending.user, at=at)
    with transaction.atomic():
        _require_kept(passkey)
        return signing_in.complete(
            pending=pending, method=Session.Method.SECURITY_KEY, door=door, at=at
        )


def require_signature(
    *, credential: Credential, purpose: PasskeyChallenge.Purpose, user: User, at: datetime
) -> None:
    """Check that one of this person's passkeys signed for the purpose. Raises PasskeyNotAccepted."""
    _prove(credential, purpose=purpose, user=user, at=at)


def _prove(
    credential: Credential, *, purpose: PasskeyChallenge.Purpose, user: User | None, at: datetime
) -> Passkey:
    try:
        answer = passkeys.read_assertion(credential)
    except CredentialRefused:
        _note_refusal(user, purpose)
        raise PasskeyNotAccepted from None
    # In a transaction of its own, so that a challenge is used up by a wrong answer, too.
    if not challenges.redeem(challenge=answer.challenge, purpose=purpose, user=user, at=at):
        _note_refusal(user, purpose)
        raise PasskeyNotAccepted
    passkey = _signed_by(answer, purpose=purpose, user=user, at=at)
    if passkey is None:
        # Raised outside the transaction, so that the note stays.
        raise PasskeyNotAccepted
    return passkey


def _require_kept(passkey: Passkey) -> None:
    """Hold the person's row, as who removes a passkey does: one that is removed meanwhile opens no session any more."""
    locks.person(passkey.user_id)
    if not Passkey.objects.filter(pk=passkey.pk).exists():
        raise PasskeyNotAccepted


@transaction.atomic
def _note_refusal(user: User | None, purpose: PasskeyChallenge.Purpose) -> None:
    publish(PasskeyRefused(user_id=user.pk if user else None, purpose=purpose.value))


@transaction.atomic
def _signed_by(
    answer: Answer, *, purpose: PasskeyChallenge.Purpose, user: User | None, at: datetime
) -> Passkey | None:
    """Return the passkey if its signature holds, and remember its use; else note what is wrong."""
    rows = Passkey.objects.select_for_update(of=("self",), no_key=True).select_related("user")
    passkey = rows.filter(credential_id=answer.credential_id).first()
    proof = _checked(passkey, answer, purpose=purpose, user=user)
    if passkey is None or proof is None:
        _note_refusal(user or (passkey.user if passkey else None), purpose)
        return None
    if _is_rolled_back(passkey, proof):
        publish(
            PasskeyCloneSuspected(
                user_id=passkey.user_id,
                passkey_id=passkey.pk,
                label=passkey.name,
                known_count=passkey.sign_count,
                given_count=proof.sign_count,
            )
        )
        return None
    passkey.sign_count, passkey.is_synced = proof.sign_count, proof.is_synced
    passkey.last_used_at = at
    passkey.save(update_fields=["sign_count", "is_synced", "last_used_at", "updated_at"])
    return passkey


def _checked(
    passkey: Passkey | None,
    answer: Answer,
    *,
    purpose: PasskeyChallenge.Purpose,
    user: User | None,
) -> Proof | None:
    if passkey is None or not _is_theirs(passkey, answer, user) or not passkey.user.is_active:
        return None
    try:
        return passkeys.check_assertion(
            answer,
            public_key=bytes(passkey.public_key),
            must_verify=purpose == Purpose.SIGN_IN,
        )
    except CredentialRefused:
        return None


def _is_theirs(passkey: Passkey, answer: Answer, user: User | None) -> bool:
    """Whether the passkey belongs to whom it claims: the person who asks, or the one whom the device names."""
    if user is not None and passkey.user_id != user.pk:
        return False
    if user is not None and answer.user_handle is None:
        return True
    return answer.user_handle == passkeys.handle_of(passkey.user_id)


def _is_rolled_back(passkey: Passkey, proof: Proof) -> bool:
    """Whether the device has counted backwards, as a copy of it would; many do not count, and say zero."""
    counts = proof.sign_count > 0 or passkey.sign_count > 0
    return counts and proof.sign_count <= passkey.sign_count
