"""What accounts does when Django signs someone in or out or changes a password, by whichever door."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts import middleware, services
from accounts.models import User
from accounts.services.sessions import Proof


@receiver(user_logged_in)
def open_session(request: HttpRequest, user: User, **_: Any) -> None:
    """Give the cookie the row that a page has opened, or a new one; a row that the cookie had before ends."""
    _end(request, user, reason="replaced")
    proof = Proof(device_token=middleware.device_token_of(request))
    session = middleware.opened_by(request) or services.sessions.start_portal(
        user=user, at=timezone.now(), proof=proof
    )
    middleware.remember(request, services.sessions.claims_of(session))


@receiver(user_logged_out)
def end_session(request: HttpRequest, user: User | None, **_: Any) -> None:
    """End the row of the cookie that goes."""
    if user is not None:
        _end(request, user, reason="logged_out")


def _end(request: HttpRequest, user: User, *, reason: str) -> None:
    claims = middleware.claims_of(request)
    if claims is not None:
        services.sessions.end(user=user, session_id=claims.session_id, reason=reason)


class PasswordWatch:
    """A validator that refuses nothing: Django tells every validator of a new password once it is saved.

    That covers the doors that know nothing of our services, such as the back office's own page and Django's command
    `changepassword`. A hash that is only upgraded at sign-in is no new password.
    """

    def validate(self, password: str, user: User | None = None) -> None:
        """Refuse nothing."""

    def get_help_text(self) -> str:
        """Say what follows."""
        return "A new password signs you out everywhere."

    def password_changed(self, password: str, user: User | None = None) -> None:
        """End the sessions that the old password opened."""
        if user is not None:
            services.passwords.record_change(user=user)
