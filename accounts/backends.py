"""Django's own way to sign in (the back office's form) and its permissions, led back to ours."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest
from django.utils import timezone

from accounts import roles, services
from accounts.models import User
from accounts.services.sessions import InvalidCredentials


class GuardedBackend(BaseBackend):
    """Checks passwords under the login guard, so that no door has less protection than another."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **credentials: Any,
    ) -> User | None:
        """Return the person with this address and password. Raises TooManyRequests while sign-in is paused.

        Nobody who has a second factor comes in by this door: it would not ask for it.
        """
        if not username or password is None:
            return None
        try:
            user = services.sessions.authenticate(
                email=username, password=password, at=timezone.now()
            )
        except InvalidCredentials:
            return None
        return None if services.factors.has_second_factor(user) else user

    def get_user(self, user_id: int) -> User | None:
        """Return the person while they may sign in."""
        user = User.objects.filter(pk=user_id).first()
        return user if user is not None and user.is_active else None

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Whether the person's platform role grants one of Django's permissions."""
        return (
            isinstance(user_obj, User)
            and user_obj.is_active
            and roles.may_in_back_office(user_obj.role, perm)
        )

    def has_module_perms(self, user_obj: User, app_label: str) -> bool:
        """Whether the person's platform role sees an app in the back office."""
        return user_obj.is_active and roles.may_enter_app(user_obj.role, app_label)
