"""How a request presents an API key."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request


class ApiKeyAuthentication(BaseAuthentication):
    """Reads an API key."""

    def authenticate(self, request: Request) -> None:
        """Return nothing."""
        return
