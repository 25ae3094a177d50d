"""The same decision inside Django REST framework: one view without a key, one that is metered by the product's classes."""

import os
from collections.abc import Sequence

os.environ.setdefault("PROCESS_ROLE", "web")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from django.urls import path  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.throttling import BaseThrottle  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from apikeys.authentication import ApiKeyAuthentication  # noqa: E402
from apikeys.throttles import ApiKeyThrottle  # noqa: E402


class Free(APIView):
    """Answers everyone."""

    authentication_classes: Sequence[type[BaseAuthentication]] = ()
    permission_classes = ()
    throttle_classes: Sequence[type[BaseThrottle]] = ()

    def get(self, _request: Request) -> Response:
        """Say yes."""
        return Response({"ok": True})


class Metered(Free):
    """Answers whoever has a key that may pass, and counts the call."""

    authentication_classes = (ApiKeyAuthentication,)
    throttle_classes = (ApiKeyThrottle,)
    key_cost = 1


urlpatterns = [path("free", Free.as_view()), path("metered", Metered.as_view())]
