"""Asking somebody who is signed in for their password again, under the guard that sign-in has."""

from datetime import datetime

from django.contrib.auth.hashers import check_password
from django.db import transaction

from accounts.models import User
from accounts.services import login_guard
from accounts.signals import LoginFailed
from config.common.errors import DomainError, FieldError
from config.common.events import publish


class WrongPassword(DomainError):
    """The password is not the account's."""

    code = "wrong_password"
    title = "The password is wrong"
    fix = "Type the password that you sign in with, or reset it."
    answered_by = (
        "auth_two_factor_disable",
        "auth_reauthenticate",
        "users_me_password",
        "users_me_email_change",
        "users_me_deletion_request",
    )


def require_password(
    *, user: User, password: str, at: datetime, pointer: str = "#/password"
) -> None:
    """Let a person go on who knows the account's password.

    A wrong one counts as a failed sign-in, so that a stolen session is no place to guess at leisure. Raises
    WrongPassword, and TooManyRequests while sign-in is paused.
    """
    if not _is_right(user=user, password=password, at=at):
        # Raised outside the transaction, so that the failure stays counted.
        error = FieldError(
            pointer=pointer,
            code="wrong_password",
            message="This is not your password.",
            fix=WrongPassword.fix,
        )
        raise WrongPassword(errors=[error])


@transaction.atomic
def _is_right(*, user: User, password: str, at: datetime) -> bool:
    attempt = login_guard.admit_signed_in(email=user.email, at=at)
    if check_password(password, user.password):
        login_guard.record_success(attempt)
        return True
    publish(LoginFailed(user_id=user.pk))
    login_guard.record_failure(attempt, user_id=user.pk)
    return False
