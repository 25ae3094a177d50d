"""What follows from a new password."""

from django.db import transaction

from accounts.models import User
from accounts.services import sessions
from accounts.signals import PasswordChanged
from config.common.events import publish


@transaction.atomic
def record_change(*, user: User) -> None:
    """End every session of a person whose password has just changed: the old one may be known to others."""
    sessions.end_all(user=user, reason="password_changed")
    publish(PasswordChanged(user_id=user.pk))
