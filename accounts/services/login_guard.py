"""Pausing sign-in after wrong passwords, per account and per address, in steps that grow and always end."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from accounts import selectors
from accounts.services import devices, pace
from accounts.signals import LoginRefused
from config.common import context, sightings
from config.common.errors import TooManyRequests, wait_until


class Standing(Enum):
    """What we know of whoever signs in, and how many failures of the account's hour leave them a try.

    No hour ever sees more than 20 guesses at one account over everything. The last five of them are kept for devices
    that the owner has signed in with, the three before for addresses that the owner has signed in from, so that
    nobody who attacks the account from elsewhere can lock its owner out.
    """

    STRANGER = 15
    KNOWN_PLACE = 18
    KNOWN_DEVICE = 20


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in that is being checked: whom a failure counts against, besides the account, and how many it had."""

    account: str
    subjects: tuple[str, ...]
    standing: Standing
    at: datetime


def admit(*, email: str, device_token: str = "", at: datetime) -> Attempt:
    """Let one sign-in be checked, and the next one for the account only when this one's transaction ends.

    A stranger's guess counts against the account and the caller's address, both of which pause in tiers. Where the
    owner is known, by the token of a device or by an address, guesses have tiers of their own. Raises TooManyRequests
    while sign-in is paused.
    """
    account = pace.subject("account", email)
    pace.serialize(account)
    standing = _standing_of(email, device_token)
    own = {
        Standing.STRANGER: (account, pace.subject("address", pace.caller())),
        Standing.KNOWN_PLACE: (pace.subject("account-at", email, pace.caller()),),
        Standing.KNOWN_DEVICE: (pace.subject("account-on", email, device_token),),
    }
    attempt = Attempt(account=account, subjects=own[standing], standing=standing, at=at)
    _require_open(attempt)
    return attempt


def admit_signed_in(*, email: str, at: datetime) -> Attempt:
    """Let the password of somebody who is signed in be checked: counted as on a known device, whatever the address.

    Raises TooManyRequests.
    """
    account = pace.subject("account", email)
    pace.serialize(account)
    own = (pace.subject("account-in", email),)
    standing = Standing.KNOWN_DEVICE
    attempt = Attempt(account=account, subjects=own, standing=standing, at=at)
    _require_open(attempt)
    return attempt


def _standing_of(email: str, device_token: str) -> Standing:
    is_device = devices.is_token(device_token) and selectors.is_known_device(
        email=email, token=device_token
    )
    is_place = selectors.is_known_place(email=email, ip=context.current().ip)
    if is_device:
        return Standing.KNOWN_DEVICE
    return Standing.KNOWN_PLACE if is_place else Standing.STRANGER


def _require_open(attempt: Attempt) -> None:
    locked_until = selectors.lock_of(attempt.subjects, at=attempt.at)
    has_room_at = _room_at(attempt)
    until = max(filter(None, (locked_until, has_room_at)), default=None)
    if until is not None:
        raise TooManyRequests(
            "Sign-in is paused after too many failures.", headers=wait_until(until, at=attempt.at)
        )


def _room_at(attempt: Attempt) -> datetime | None:
    """Return when the account's hour has a try left for whoever asks; None if it has one now."""
    limit = attempt.standing.value
    failures = selectors.tries_of(attempt.account, since=attempt.at - pace.WINDOW)
    return failures[limit - 1] + pace.WINDOW if len(failures) >= limit else None


def record_failure(attempt: Attempt, *, user_id: int | None) -> None:
    """Count a wrong password against the account and whoever gave it; pause whom that brings to a tier."""
    if attempt.account not in attempt.subjects:
        pace.count(attempt.account, at=attempt.at, window=pace.WINDOW)
    for subject in attempt.subjects:
        pace.record_failure(subject, user_id=user_id, at=attempt.at)


def tell_refused(*, email: str) -> None:
    """Publish that somebody goes on guessing while sign-in is paused; to be called outside the refused transaction."""
    user = selectors.user_by_email(email)
    bucket = f"login-refused:{pace.subject('account', email)}:{pace.caller()}"
    sightings.tell(LoginRefused(user_id=user.pk if user else None), bucket=bucket)


def record_success(attempt: Attempt) -> None:
    """Forget what someone mistyped where they are known; the account's own count goes on.

    Elsewhere nothing is forgotten: an attacker would be given new guesses each time the owner, or any account of
    the attacker's own, signs in. The place is known from now on, with a count of its own.
    """
    if attempt.standing is not Standing.STRANGER:
        for subject in attempt.subjects:
            pace.forget(subject)
