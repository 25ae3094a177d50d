"""Pausing sign-in after wrong passwords, per account and per address, in steps that grow and always end."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts import selectors
from accounts.models import LoginGuard
from accounts.services import pace
from accounts.signals import LoginLocked
from config.common import context
from config.common.errors import TooManyRequests
from config.common.events import publish

WINDOW = timedelta(hours=1)
# Failures within the window and the pause that follows. The last one pauses for a whole window, so that no hour
# ever sees more than 20 guesses.
TIERS = ((20, WINDOW), (10, timedelta(minutes=15)), (5, timedelta(minutes=1)))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in that is being checked, and whom a failure counts against."""

    subjects: tuple[str, ...]
    is_from_known_place: bool
    at: datetime


def admit(*, email: str, at: datetime) -> Attempt:
    """Let one sign-in be checked, and the next one for the account only when this one's transaction ends.

    A guess counts against the account and the caller's address. From an address where the person has signed in before
    only the two together count, so that someone who attacks the account from elsewhere cannot lock its owner out.
    Raises TooManyRequests while sign-in is paused.
    """
    account = pace.subject("account", email)
    pace.serialize(account)
    is_known = selectors.is_known_place(email=email, ip=context.current().ip)
    subjects: tuple[str, ...] = (account, pace.subject("address", pace.caller()))
    if is_known:
        subjects = (pace.subject("account-at", email, pace.caller()),)
    _require_open(subjects, at=at)
    return Attempt(subjects=subjects, is_from_known_place=is_known, at=at)


def _require_open(subjects: tuple[str, ...], *, at: datetime) -> None:
    until = selectors.lock_of(subjects, at=at)
    if until is not None:
        seconds = math.ceil((until - at).total_seconds())
        raise TooManyRequests(
            "Sign-in is paused after too many failures.", headers={"Retry-After": str(seconds)}
        )


def record_failure(attempt: Attempt, *, user_id: int | None) -> None:
    """Count a wrong password; pause sign-in when that reaches a tier."""
    for subject in attempt.subjects:
        failures = pace.count(subject, at=attempt.at, window=WINDOW)
        pause = _pause_after(failures)
        if pause is not None:
            LoginGuard.objects.filter(subject=subject).update(locked_until=attempt.at + pause)
            seconds = int(pause.total_seconds())
            publish(LoginLocked(user_id=user_id, failures=failures, seconds=seconds))


def _pause_after(failures: int) -> timedelta | None:
    highest, longest = TIERS[0]
    if failures >= highest:
        return longest
    return next((pause for tier, pause in TIERS if tier == failures), None)


def record_success(attempt: Attempt) -> None:
    """Forget what someone mistyped where they are known.

    Elsewhere nothing is forgotten: an attacker would be given new guesses each time the owner, or any account of
    the attacker's own, signs in. The place is known from now on, with a count of its own.
    """
    if attempt.is_from_known_place:
        for subject in attempt.subjects:
            pace.forget(subject)
