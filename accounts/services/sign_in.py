"""Signing in, step by step: the password, then the second factor of those who have one, unless the device is trusted."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts import tokens
from accounts.models import PendingSignIn, Session, User
from accounts.services import devices, factors, sessions
from accounts.services.sessions import InvalidCredentials, Proof, TokenPair
from config.common import context
from config.common.errors import DomainError


class SignInExpired(DomainError):
    """The sign-in was begun more than five minutes ago, is over, or was never begun."""

    code = "sign_in_expired"
    title = "Sign in again"
    status = 401
    fix = "Give the address and the password again; the second factor has to follow within five minutes."
    answered_by = (
        "auth_two_factor_verify",
        "auth_passkeys_second_factor",
        "auth_passkeys_second_factor_options",
    )


class SecondFactorRefused(DomainError):
    """The code is wrong, too old, or was used before."""

    code = "second_factor_refused"
    title = "The second factor is not right"
    status = 401
    fix = "Give the code that the app shows now, or a recovery code that was not used yet."
    answered_by = ("auth_two_factor_verify",)


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that waits for its second factor: the token that names it, and what the person may give."""

    token: str
    methods: list[str]


@dataclass(frozen=True, slots=True)
class Entered:
    """A sign-in that is complete: its session, the tokens of an API session, and by what the device is known."""

    session: Session
    pair: TokenPair | None = None
    device_token: str = ""
    is_trusted: bool = False


@dataclass(frozen=True, slots=True)
class Door:
    """Where somebody comes in: over the API or the portal, with which device, and whether to trust it from now on."""

    kind: Session.Kind
    device_token: str = ""
    trust_device: bool = False


def begin(*, email: str, password: str, door: Door, at: datetime) -> Entered | Pending:
    """Check the password; open a session, or say that a second factor has to follow.

    Raises InvalidCredentials, and TooManyRequests while sign-in is paused.
    """
    user = sessions.authenticate(
        email=email, password=password, device_token=door.device_token, at=at
    )
    return _proceed(user, door, at=at)


@transaction.atomic
def _proceed(user: User, door: Door, *, at: datetime) -> Entered | Pending:
    owner = sessions.locked_owner(user)
    if not factors.has_second_factor(owner):
        return enter(user=user, door=door, method=Session.Method.PASSWORD, at=at)
    if devices.is_trusted(user=owner, token=door.device_token, at=at):
        return enter(user=user, door=door, method=Session.Method.TRUSTED_DEVICE, at=at)
    pending = PendingSignIn.objects.create(
        user=owner, session_version=user.session_version, expires_at=at + tokens.PENDING_LIFETIME
    )
    return Pending(token=tokens.mint_pending(pending.pk), methods=factors.second_factors(owner))


def pending_of(*, token: str, at: datetime) -> PendingSignIn:
    """Return the sign-in that a token names, while it waits. Raises SignInExpired."""
    try:
        pending_id = tokens.read_pending(token)
    except tokens.TokenRefused:
        raise SignInExpired from None
    waiting = PendingSignIn.objects.filter(pk=pending_id, used_at=None, expires_at__gt=at)
    pending = waiting.select_related("user").first()
    if pending is None or not _still_holds(pending, pending.user):
        raise SignInExpired
    return pending


def _still_holds(pending: PendingSignIn, user: User) -> bool:
    return user.session_version == pending.session_version and user.is_active


def finish(*, token: str, code: str, door: Door, at: datetime) -> Entered:
    """Complete a sign-in with a code of the app or a recovery code: both are used up together with the opening.

    Raises SignInExpired, SecondFactorRefused, and TooManyRequests while codes are not looked at.
    """
    pending = pending_of(token=token, at=at)
    entered = _finish(pending, code, door, at=at)
    if entered is None:
        # Raised outside the transaction, so that the failure stays counted.
        raise SecondFactorRefused
    return entered


@transaction.atomic
def _finish(pending: PendingSignIn, code: str, door: Door, *, at: datetime) -> Entered | None:
    user = _locked_owner(pending)
    # Whoever was not the first is refused before their code is looked at: it is neither used up nor counted.
    if not _waiting(pending, at=at).exists():
        raise SignInExpired
    method = factors.check_code(user=user, code=code, at=at)
    if method is None:
        return None
    return complete(pending=pending, method=method, door=door, at=at)


def _waiting(pending: PendingSignIn, *, at: datetime) -> QuerySet[PendingSignIn, PendingSignIn]:
    return PendingSignIn.objects.filter(pk=pending.pk, used_at=None, expires_at__gt=at)


def _locked_owner(pending: PendingSignIn) -> User:
    try:
        return sessions.locked_owner(pending.user)
    except InvalidCredentials:
        raise SignInExpired from None


@transaction.atomic
def complete(
    *, pending: PendingSignIn, method: Session.Method, door: Door, at: datetime
) -> Entered:
    """Use a waiting sign-in up, whose second factor was right, and open its session. Raises SignInExpired.

    One conditional UPDATE decides who of many is first.
    """
    user = _locked_owner(pending)
    if _waiting(pending, at=at).update(used_at=at) != 1:
        raise SignInExpired
    return enter(user=user, door=door, method=method, at=at)


@transaction.atomic
def enter(*, user: User, door: Door, method: Session.Method, at: datetime) -> Entered:
    """Open the session of a person who has proved who they are by this method, and trust the device if they wish."""
    is_proved = method not in {Session.Method.PASSWORD, Session.Method.TRUSTED_DEVICE}
    is_trusting = door.trust_device and is_proved
    token = door.device_token
    if is_trusting and not devices.is_token(token):
        token = devices.new_token()
    proof = Proof(method, second_factor_at=at if is_proved else None, device_token=token)
    pair: TokenPair | None = None
    if door.kind == Session.Kind.API:
        pair = sessions.start(user=user, at=at, proof=proof)
        session = pair.session
    else:
        session = sessions.start_portal(user=user, at=at, proof=proof)
    if is_trusting and session.device is not None:
        with context.acting(session.user.as_actor()):
            devices.trust(device=session.device, at=at)
    return Entered(session=session, pair=pair, device_token=token, is_trusted=is_trusting)
