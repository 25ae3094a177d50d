"""How large a body may be depends on the path; nobody reads more, whichever server runs the program."""

import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.test import Client

from tests.doubles.stack import Listener
from tests.ports import free_port

LOGIN = "/api/v1/auth/login"
AVATAR = "/api/v1/users/me/avatar"
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def gunicorn(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """Run Django under the other kind of server."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", "config.wsgi:application", "--no-control-socket"),
        *("--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "2"),
    ]
    server = Listener(
        "gunicorn", command, tmp_path_factory.mktemp("gunicorn"), port=port, probe="/healthz"
    )
    server.start()
    yield server
    server.stop()


def send(server: Listener, method: str, path: str, chunks: Iterator[bytes]) -> httpx.Response:
    """Send a body in chunks, without its length; a server that has heard enough may hang up."""
    kind = {"Content-Type": "application/json"}
    with httpx.Client(timeout=60) as client:
        return client.request(method, f"{server.url}{path}", content=chunks, headers=kind)


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        (LOGIN, MEGABYTE, 400),
        (LOGIN, MEGABYTE + 1, 413),
        (f"{AVATAR}/", MEGABYTE + 1, 413),
        (f"{AVATAR}/x", MEGABYTE + 1, 413),
        (f"/{AVATAR}", MEGABYTE + 1, 413),
        (AVATAR, 6 * MEGABYTE + 1, 413),
        ("/profile/avatar/", 6 * MEGABYTE + 1, 413),
    ],
)
@pytest.mark.django_db
def test_the_length_is_compared_with_the_paths_limit(path, size, status):
    answer = Client().post(path, b" " * size, content_type="application/json")

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", sorted(settings.UPLOAD_PATHS))
@pytest.mark.django_db
def test_files_may_be_larger(path):
    answer = Client().post(path, b" " * (5 * MEGABYTE), content_type="application/json")

    assert answer.status_code not in {413, 500}


@pytest.mark.django_db
def test_nothing_of_a_large_body_is_read():
    class Body(BytesIO):
        def read(self, *_):
            raise AssertionError("the body was read")

    environ: dict[str, Any] = {"CONTENT_LENGTH": str(MEGABYTE + 1), "wsgi.input": Body()}
    answer = Client().generic("POST", LOGIN, **environ)

    assert answer.status_code == 413


def test_chunks_are_read_up_to_the_limit(gunicorn):
    blocks = [b" " * 65_536] * 48

    small = send(gunicorn, "POST", LOGIN, iter(blocks[:1]))
    large = send(gunicorn, "POST", LOGIN, iter(blocks))

    assert (small.status_code, large.status_code) == (400, 413)
    assert large.headers["Content-Type"] == "application/problem+json"
    assert large.headers["X-Frame-Options"] == "DENY"


def test_a_chunked_document_arrives(gunicorn):
    answer = send(gunicorn, "POST", LOGIN, iter([b'{"nothing"', b": 1}"]))

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/nothing"]


def test_static_files_have_their_headers_there_too(gunicorn):
    answer = send(gunicorn, "POST", "/static/css/tollgate.css", iter([]))

    assert (answer.status_code, answer.headers["X-Frame-Options"]) == (405, "DENY")
