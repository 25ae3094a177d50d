"""Pages and operations that fail with secrets in the exception's text and in local variables."""

from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.common import crypto, jobs
from config.common.models import MAIL_BODY
from config.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


@csrf_exempt
def page(request: HttpRequest) -> HttpResponse:
    """Fail with all that a browser sends."""
    posted, cookies, headers = request.POST.dict(), dict(request.COOKIES), dict(request.headers)
    raise RuntimeError(f"{posted} {cookies} {headers} {request.get_full_path()}")


class Operation(APIView):
    """Fails with all that a client sends."""

    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        """Chain two exceptions, as careless code does."""
        data: Any = request.data
        try:
            _fail(data)
        except KeyError as error:
            raise ValueError(f"{data} {dict(request.headers)}") from error
        return Response()


def _fail(data: Any) -> None:
    raise KeyError(data)


def configuration(request: HttpRequest) -> HttpResponse:
    """Fail with the configuration."""
    raise RuntimeError(
        f"{settings.SECRET_KEY} {settings.ENCRYPTION_KEYS} {settings.JWT_SIGNING_KEYS}"
        f" {settings.KEY_PEPPERS} {settings.DATABASES} {settings.EMAIL_HOST_PASSWORD}"
    )


def database(request: HttpRequest) -> HttpResponse:
    """Fail as PostgreSQL does: with the whole row in the message."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET email = NULL")
    return HttpResponse()


@csrf_exempt
def job(request: HttpRequest) -> HttpResponse:
    """Ask for a job that fails with what it decrypts."""
    text = request.body.decode()
    jobs.enqueue("canary.crash", body_encrypted=crypto.encrypt(text, purpose=MAIL_BODY))
    return HttpResponse()


urlpatterns = [
    path("canary/page", page),
    path("canary/operation", Operation.as_view()),
    path("canary/configuration", configuration),
    path("canary/database", database),
    path("canary/job", job),
    *urlpatterns,
]
