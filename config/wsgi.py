"""WSGI entry: Django with its static files in front of it. `config.asgi` runs the same in its threads."""

import io
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver
from servestatic import ServeStatic

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")
os.environ["PROCESS_ROLE"] = "web"  # whatever is set for all programs together

django_application = get_wsgi_application()


class Utf8Request(WSGIRequest):
    """Reads queries and forms in UTF-8 alone. Django takes any codec of Python that Content-Type names, and fails in some."""

    encoding = property(lambda _: None, lambda _, __: None)


django_application.request_class = Utf8Request

from config.common.middleware import security_headers  # noqa: E402  (needs Django to be set up)
from config.common.middleware.size_limit import limit_of  # noqa: E402

# Loaded now, so that a broken URL map stops the start instead of failing every request.
get_resolver().url_patterns  # noqa: B018


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
    )
    for name, path in _files():
        if path.is_file():
            served.add_file_to_dictionary(f"{settings.STATIC_URL}{name}", str(path))
    return served


Answer = Callable[[dict[str, Any], Any], Iterable[bytes]]


def _guarded(answer: Answer) -> Answer:
    """Give chunked bodies a length, and every answer the security headers, those of static files included."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            added = security_headers.absent(name for name, _ in headers)
            return start_response(status, [*headers, *added], exc_info)

        if "HTTP_TRANSFER_ENCODING" in environ:
            _measure(environ)
        if "*" in environ.get("CONTENT_TYPE", ""):
            # In no type that is read here. Django fails on some extended parameters (RFC 2231) before it can refuse.
            environ["CONTENT_TYPE"] = ""
        return answer(environ, start)

    return application


def _measure(environ: dict[str, Any]) -> None:
    """Read a chunked body, up to one byte above its limit: enough for the size limit to refuse it.

    Only a server that marks the end of its input can be read without a length; from another the body stays empty.
    """
    body = b""
    if environ.get("wsgi.input_terminated"):
        body = environ["wsgi.input"].read(limit_of(environ.get("PATH_INFO", "")) + 1)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = io.BytesIO(body)


application = _guarded(_with_static_files())
