"""djangorestframework-api-key as its documentation shows it: one view behind `HasAPIKey`, nothing else in the way.

A whole Django project in one file. As a program it makes the tables and the keys; gunicorn serves `application`.
"""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import django
from django.conf import settings

_database = urlsplit(os.environ["YARDSTICK_DATABASE_URL"])
settings.configure(
    SECRET_KEY="a-secret-of-no-value-for-the-benchmark-only",  # noqa: S106
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="bench.yardstick_drf",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework_api_key"],
    MIDDLEWARE=[],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": []},
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _database.path.lstrip("/"),
            "USER": _database.username,
            "PASSWORD": _database.password,
            "HOST": _database.hostname,
            "PORT": _database.port,
            "CONN_MAX_AGE": None,
        }
    },
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework_api_key.models import APIKey  # noqa: E402
from rest_framework_api_key.permissions import HasAPIKey  # noqa: E402


class MayPass(APIView):
    """Answers whoever has a key."""

    permission_classes = [HasAPIKey]

    def get(self, _request: Request) -> Response:
        """Say yes."""
        return Response(status=204)


urlpatterns = [path("", MayPass.as_view())]
application = get_wsgi_application()


def main() -> None:
    """Make the tables and as many keys as asked, and write the secrets to a file."""
    number, keys_file = int(sys.argv[1]), Path(sys.argv[2])
    call_command("migrate", verbosity=0)
    secrets = [APIKey.objects.create_key(name=f"key {n}")[1] for n in range(number)]
    keys_file.write_text("\n".join(secrets), encoding="utf-8")


if __name__ == "__main__":
    main()
