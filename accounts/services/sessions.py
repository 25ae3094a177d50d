"""Signing in, refreshing and signing out. The session row is locked, so that one of many refreshes wins."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import selectors, tokens
from accounts.hashers import IMPORTED
from accounts.models import Session, User
from accounts.services import alerts, devices, locks, login_guard
from accounts.signals import LoginFailed, RefreshTokenReused, SessionEnded, SessionStarted
from config.common import changes, context, crypto
from config.common.errors import DomainError, TooManyRequests, Unauthenticated
from config.common.events import publish

_TOUCH_EVERY = timedelta(minutes=1)


class InvalidCredentials(DomainError):
    """The e-mail address and the password do not belong together, or the account is closed."""

    code = "invalid_credentials"
    title = "Sign-in failed"
    status = 401
    fix = "Check the address and the password, or reset the password."
    answered_by = ("auth_login",)


class InvalidRefreshToken(DomainError):
    """The refresh token is unknown, replaced, expired or ended."""

    code = "invalid_refresh_token"
    title = "The session cannot be continued"
    status = 401
    fix = "Sign in again."
    answered_by = ("auth_refresh",)


@dataclass(frozen=True, slots=True)
class Proof:
    """How a person has proved who they are, and by which token the device is known."""

    method: Session.Method = Session.Method.PASSWORD
    second_factor_at: datetime | None = None
    device_token: str = ""


_PASSWORD_ALONE = Proof()


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client keeps: an access token for ten minutes and a refresh token for the next pair."""

    access: str
    refresh: str
    expires_in: int
    session: Session

    @property
    def user(self) -> User:
        """The person whom it speaks for."""
        return self.session.user


def authenticate(*, email: str, password: str, device_token: str = "", at: datetime) -> User:
    """Return the person with this address and password; whether that is enough to sign in, `sign_in` decides.

    Raises TooManyRequests while sign-in is paused, InvalidCredentials otherwise. Unknown addresses cost the same
    time: a password is hashed and the failure is recorded for them, too.
    """
    email = User.objects.normalize_email(email)
    try:
        user = _checked(email=email, password=password, device_token=device_token, at=at)
    except TooManyRequests:
        login_guard.tell_refused(email=email)
        raise
    if user is None:
        # Raised outside the transaction, so that the failure stays counted.
        raise InvalidCredentials
    return user


@transaction.atomic
def _checked(*, email: str, password: str, device_token: str, at: datetime) -> User | None:
    attempt = login_guard.admit(email=email, device_token=device_token, at=at)
    user = selectors.user_by_email(email)
    is_right = check_password(password, user.password if user else _nobody(), _upgrade_of(user))
    if user is None or not is_right or not user.is_active:
        _spend_as_others(user.password if user else "", password)
        # The log's lock first, then the counts': in another order two failures could wait for each other.
        publish(LoginFailed(user_id=user.pk if user else None))
        login_guard.record_failure(attempt, user_id=user.pk if user else None)
        return None
    login_guard.record_success(attempt)
    return user


@cache
def _nobody() -> str:
    """Return a hash that no password matches, so that unknown addresses cost as much as known ones."""
    return make_password(crypto.new_token())


def _spend_as_others(encoded: str, password: str) -> None:
    """Spend what the refusal of an account with the other kind of hash costs, while imported hashes are left.

    One of them takes ten times as long to compare with as one of ours: by the time alone, imported accounts could be
    told from others and from addresses that nobody has.
    """
    imported = selectors.imported_hash()
    if imported:
        check_password(password, _nobody() if encoded.startswith(IMPORTED) else imported)


def _upgrade_of(user: User | None) -> Callable[[str], None]:
    """Return what stores a better hash when the old one's algorithm is out of date."""

    def store(password: str) -> None:
        if user is not None:
            # Unless another password was set while this one was being compared: it would come back.
            same = User.objects.filter(pk=user.pk, password=user.password)
            same.update(password=make_password(password))

    return store


@transaction.atomic
def start(*, user: User, at: datetime, proof: Proof = _PASSWORD_ALONE) -> TokenPair:
    """Open an API session for a person who has just proved who they are."""
    return _renew(_open(user, kind=Session.Kind.API, proof=proof, at=at))


@transaction.atomic
def start_portal(*, user: User, at: datetime, proof: Proof = _PASSWORD_ALONE) -> Session:
    """Open a session for a person who has just signed in to the portal; a cookie keeps it instead of tokens."""
    return _open(user, kind=Session.Kind.PORTAL, proof=proof, at=at)


def locked_owner(user: User) -> User:
    """Return the person's row, locked, as it was when they proved who they are. Raises InvalidCredentials.

    Whoever ends all sessions meanwhile either sees the session that the caller opens now, or has raised the version
    that the proof was given under.
    """
    try:
        current = locks.person(user.pk)
    except User.DoesNotExist:
        raise InvalidCredentials from None
    if current.session_version != user.session_version or not current.is_active:
        raise InvalidCredentials
    return current


def hold_author(user: User) -> User:
    """Lock and return the row of whoever began a request, with the session it came by: both may be shut by now.

    Whatever lasts, such as a key, is made under these locks: who suspends somebody, signs them out everywhere or ends
    that one session finds it made already, or it is not made. A person's row comes before an organization's, as for who
    erases an account. Raises Unauthenticated.
    """
    try:
        owner = locked_owner(user)
    except InvalidCredentials:
        raise Unauthenticated(
            "The account was suspended, or all its sessions were ended."
        ) from None
    if user.session_id is not None and locks.session_of(user, user.session_id) is None:
        raise Unauthenticated("The session was ended.")
    return owner


def _open(user: User, *, kind: Session.Kind, proof: Proof, at: datetime) -> Session:
    current = locked_owner(user)
    here = context.current()
    session = Session(
        user=current,
        kind=kind,
        method=proof.method,
        second_factor_at=proof.second_factor_at,
        device=devices.note(user=current, token=proof.device_token, at=at),
        ip=here.ip,
        user_agent=here.user_agent,
        authenticated_at=at,
        rotated_at=at,
        last_used_at=at,
        expires_at=at + tokens.REFRESH_LIFETIME,
    )
    session.save(force_insert=True)
    _record_login(current, at=at)
    with context.acting(current.as_actor()):
        publish(
            SessionStarted(user_id=current.pk, session_id=session.pk, method=proof.method.value),
            after=changes.told(session, ("kind", "method", "ip", "user_agent", "expires_at")),
        )
    return session


def _record_login(user: User, *, at: datetime) -> None:
    here = context.current()
    User.objects.filter(pk=user.pk).update(
        last_login=at,
        last_login_ip=here.ip,
        last_login_user_agent=here.user_agent,
        login_count=F("login_count") + 1,
    )
    user.last_login = at


def refresh(*, token: str, at: datetime) -> TokenPair:
    """Exchange a refresh token for a new pair; `at` is when the request arrived.

    Of any number of simultaneous exchanges exactly one succeeds. A token that had been replaced before the request
    arrived ends its whole family, since either a thief or the owner now holds the newer one; a request that lost a
    race is only refused. Raises InvalidRefreshToken.
    """
    try:
        session_id = tokens.read_refresh(token)
    except tokens.TokenRefused:
        raise InvalidRefreshToken from None
    pair = _rotate(session_id, token, at)
    if pair is None:
        # Raised outside the transaction, so that the end of the family stays committed.
        raise InvalidRefreshToken
    return pair


@transaction.atomic
def _rotate(session_id: int, token: str, arrived_at: datetime) -> TokenPair | None:
    session = (
        Session.objects.select_for_update(of=("self",), no_key=True)
        .select_related("user")
        .filter(pk=session_id, ended_at=None, expires_at__gt=arrived_at)
        .first()
    )
    if session is None or not session.user.is_active:
        return None
    if not _is_newest(session, token):
        if arrived_at >= session.rotated_at:
            _kill_family(session)
        return None
    return _renew(session)


def _is_newest(session: Session, token: str) -> bool:
    return crypto.equal(bytes(session.refresh_digest), crypto.digest(token))


def _renew(session: Session) -> TokenPair:
    now = timezone.now()
    fresh = tokens.mint_refresh(session.pk)
    session.refresh_digest = crypto.digest(fresh)
    session.rotated_at = session.last_used_at = now
    # However often it is renewed: once in a while a person has to show again who they are.
    session.expires_at = min(
        now + tokens.REFRESH_LIFETIME, session.created_at + tokens.SESSION_LIFETIME
    )
    session.save(
        update_fields=["refresh_digest", "rotated_at", "last_used_at", "expires_at", "updated_at"]
    )
    return TokenPair(
        access=tokens.mint_access(claims_of(session)),
        refresh=fresh,
        expires_in=int(tokens.ACCESS_LIFETIME.total_seconds()),
        session=session,
    )


def claims_of(session: Session) -> tokens.AccessClaims:
    """Return what a token or a cookie of the session says; it stops being true when the version rises."""
    return tokens.AccessClaims(
        user_id=session.user_id,
        session_id=session.pk,
        session_version=session.user.session_version,
    )


def _kill_family(session: Session) -> None:
    _end(session, reason="token_reused")
    publish(RefreshTokenReused(user_id=session.user_id, session_id=session.pk))
    alerts.send("accounts/session_reuse", to=session.user, session=session)


def touch(*, session: Session, at: datetime) -> None:
    """Remember that a session is in use, at most once a minute."""
    if session.last_used_at <= at - _TOUCH_EVERY:
        Session.objects.filter(pk=session.pk, last_used_at__lt=at).update(last_used_at=at)


@transaction.atomic
def log_out(*, token: str) -> None:
    """End the session that a refresh token belongs to.

    Any token of the family will do, because whoever holds one may at least end it. Unknown and ended sessions are
    left as they are.
    """
    try:
        session_id = tokens.read_refresh(token)
    except tokens.TokenRefused:
        return
    session = locks.session(session_id)
    if session is not None:
        with context.acting(session.user.as_actor()):
            _end(session, reason="logged_out")


@transaction.atomic
def end(*, user: User, session_id: int, reason: str = "ended_by_user") -> bool:
    """End one of a person's own sessions; return whether there was one."""
    session = locks.session_of(user, session_id)
    if session is not None:
        _end(session, reason=reason)
    return session is not None


@transaction.atomic
def end_others(*, user: User, keep: int | None, reason: str = "ended_by_user") -> int:
    """End every session of a person but one, and return how many; their tokens stop at once."""
    others = [session for session in lock_open(user=user) if session.pk != keep]
    for session in others:
        _end(session, reason=reason)
    return len(others)


def lock_open(*, user: User) -> list[Session]:
    """Return a person's open sessions, locked: before anything is published, since whoever publishes waits in line."""
    open_ones = user.sessions.select_for_update(no_key=True).filter(ended_at=None)
    return list(open_ones.order_by("pk"))


def hold_open(*, user: User, keep: int | None) -> None:
    """Lock a person's open sessions, of which the one that a lasting change is made in has to be one still.

    Whoever ended it meanwhile, with a new password for instance, meant to keep out who makes the change. Raises
    Unauthenticated.
    """
    if keep not in {None, *(session.pk for session in lock_open(user=user))}:
        raise Unauthenticated("The session was ended.")


@transaction.atomic
def end_all(*, user: User, reason: str, keep: int | None = None) -> None:
    """End every session of a person, tokens already handed out included, and trust no device any more.

    The one with the id `keep` lives on under the new session version: its cookie or tokens have to be made anew.
    """
    User.objects.filter(pk=user.pk).update(session_version=F("session_version") + 1)
    devices.end_trust(user=user)
    for session in lock_open(user=user):
        if session.pk != keep:
            _end(session, reason=reason)


def _end(session: Session, *, reason: str) -> None:
    before = changes.snapshot(session)
    session.ended_at = timezone.now()
    session.ended_reason = reason
    session.save(update_fields=["ended_at", "ended_reason", "updated_at"])
    publish(
        SessionEnded(user_id=session.user_id, session_id=session.pk, reason=reason),
        **changes.since(before, session),
    )
