"""Leads to a page whoever asks for it without its slash."""

from django.http import HttpRequest
from django.middleware.common import CommonMiddleware


class SlashMiddleware(CommonMiddleware):
    """Django's own, for those who only read: what is sent would be lost on the way, and gets its 404."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        """Whether a slash is all that is missing."""
        return request.method in {"GET", "HEAD"} and super().should_redirect_with_slash(request)
