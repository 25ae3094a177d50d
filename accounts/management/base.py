"""What commands about people share: how an operator names one."""

from django.core.management.base import CommandError

from accounts import selectors
from accounts.models import User
from config.common.errors import DomainError


def person_called(text: str) -> User:
    """Return whom an operator means by an address or an id. Raises CommandError."""
    try:
        return selectors.person_called(text)
    except DomainError as error:
        raise CommandError(error.detail) from None
