"""WSGI entry: Django with its static files in front of it. `config.asgi` runs the same in its threads."""

import os
from collections.abc import Iterator
from pathlib import Path
from wsgiref.headers import Headers

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver
from servestatic import ServeStatic

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")
os.environ.setdefault("PROCESS_ROLE", "web")

django_application = get_wsgi_application()

from config.common.middleware.security_headers import HEADERS  # noqa: E402  (needs Django to be set up)

# Loaded now, so that a broken URL map stops the start instead of failing every request.
get_resolver().url_patterns  # noqa: B018


def _add_security_headers(headers: Headers, _path: str, _url: str) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if settings.HSTS_SECONDS:
        headers["Strict-Transport-Security"] = f"max-age={settings.HSTS_SECONDS}; includeSubDomains"


def _files() -> Iterator[tuple[str, Path]]:
    """Yield every static file: collected ones in production, those of the source tree in the embedded run."""
    if not settings.STATIC_FROM_SOURCE:
        root = Path(settings.STATIC_ROOT)
        yield from ((str(path.relative_to(root)), path) for path in root.rglob("*"))
        return
    seen = set()
    for finder in finders.get_finders():
        for name, storage in finder.list([]):
            if name not in seen:
                seen.add(name)
                yield name, Path(storage.path(name))


def _with_static_files() -> ServeStatic:
    served = ServeStatic(
        django_application,
        max_age=0 if settings.STATIC_FROM_SOURCE else 3600,
        allow_all_origins=False,
        add_headers_function=_add_security_headers,
    )
    for name, path in _files():
        if path.is_file():
            served.add_file_to_dictionary(f"{settings.STATIC_URL}{name}", str(path))
    return served


application = _with_static_files()
