"""The headers of every answer of the web process, whoever makes it: exact by kind, over the program as it is deployed."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from config.common.middleware.security_headers import HEADERS
from tests.doubles.fixtures import renew
from tests.doubles.stack import Gate, running_stack
from tests.platform.addresses import addresses

HSTS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
# What an answer may have besides; anything else (the server's name, say) tells more than it should.
ALSO = {
    *("allow", "cache-control", "connection", "content-disposition", "content-length"),
    *("content-type", "date", "etag", "expires", "last-modified", "link", "location"),
    *("retry-after", "set-cookie", "vary", "www-authenticate", "x-request-id"),
    *("ratelimit", "ratelimit-policy", "transfer-encoding"),
}
PAGES = [path for path in addresses() if not path.startswith("/admin/")]
# The gate answers it, which pages of other origins may not ask at all.
GATE = "/api/v1/keys/verify"
PUBLIC = {
    "/.well-known/jwks.json": "public, max-age=300",
    "/.well-known/webhooks-jwks.json": "public, max-age=300",
}


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with running_stack(tmp_path_factory.mktemp("headers")) as stack:
        yield stack.gate(ALLOWED_HOSTS="127.0.0.1", WEB_THREADS="4")
    # What was guessed here is written down, and would slow down those who sign in after this.
    renew()


@pytest.fixture(scope="module")
def web(server: Gate) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def wrong_with(
    answer: httpx.Response, *, cached: str = "no-store", has_id: bool = True
) -> set[str]:
    """Return the headers that are missing, not as they should be, or too many."""
    expected = {name.lower(): value for name, value in {**HEADERS, **HSTS}.items()}
    wrong = {name for name, value in expected.items() if answer.headers.get(name) != value}
    wrong |= answer.headers.keys() - expected.keys() - ALSO
    if cached not in answer.headers.get("Cache-Control", ""):
        wrong.add("cache-control")
    if has_id and not re.fullmatch(r"[A-Za-z0-9_-]{8,64}", answer.headers.get("X-Request-Id", "")):
        wrong.add("x-request-id")
    varies = answer.headers.get("Vary", "").lower().split(", ")
    path = answer.request.url.path
    if path.startswith("/api/") and path != GATE and "origin" not in varies:
        wrong.add("vary")
    return wrong


def ask_all(web: httpx.Client, paths: list[str], accept: str) -> dict[str, object]:
    """Return what is wrong with the answers, by path."""

    def look(path: str) -> tuple[str, object]:
        answer = web.get(path, headers={"Accept": accept})
        wrong = wrong_with(answer, cached=PUBLIC.get(path, "no-store"))
        if answer.status_code >= 500:
            return path, answer.status_code
        return path, wrong

    with ThreadPoolExecutor(4) as pool:
        return {path: wrong for path, wrong in pool.map(look, paths) if wrong}


def test_the_walk_covers_the_product():
    found = addresses()

    assert {"/login/", "/api/v1/api-keys/1", "/healthz", "/metrics", "/docs/"} <= set(found)
    assert {"/admin/", "/admin/accounts/user/x/change/"} <= set(found)
    assert not [path for path in found if re.search(r"[<>()^$\\]", path)]


@pytest.mark.parametrize("accept", ["text/html", "application/json"], ids=["html", "json"])
def test_every_address_answers_with_them(web, accept):
    wrong = ask_all(web, addresses(), accept)

    assert wrong == {}


JSON = {"Content-Type": "application/json"}
ERRORS: dict[str, tuple[int, dict[str, Any]]] = {
    "half a document": (400, {"method": "POST", "headers": JSON, "content": b"{"}),
    "unknown host": (400, {"method": "GET", "headers": {"Host": "evil.example"}}),
    "nobody": (401, {"method": "GET", "url": "/api/v1/users/me"}),
    "no token in a form": (403, {"method": "POST", "url": "/login/", "content": b"a=b"}),
    "nothing there": (404, {"method": "GET", "url": "/no-such-page"}),
    "a stray slash": (404, {"method": "GET", "url": "/api/v1/users/me/"}),
    "another method": (405, {"method": "PUT"}),
    "trace": (405, {"method": "TRACE", "url": "/"}),
    "too large": (413, {"method": "POST", "headers": JSON, "content": b" " * 1_100_000}),
    "too large in chunks": (
        413,
        {"method": "POST", "headers": JSON, "content": [b" " * 99_000] * 12},
    ),
    "another type": (
        415,
        {"method": "POST", "content": b"<a/>", "headers": {"Content-Type": "text/xml"}},
    ),
    "NUL in the query": (400, {"method": "GET", "url": "/login/?a=%00"}),
    "endless headers": (431, {"method": "GET", "url": "/", "headers": {"X-Filler": "x" * 20_000}}),
}


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_answers_with_them(web, name):
    status, asked = ERRORS[name]

    answer = web.request(**{"url": "/api/v1/auth/login", **asked})

    assert (answer.status_code, wrong_with(answer)) == (status, set())
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status


@pytest.mark.parametrize("name", [name for name in ERRORS if ERRORS[name][0] in {403, 404}])
def test_browsers_get_the_error_as_a_page(web, name):
    status, asked = ERRORS[name]
    path = str(asked["url"])

    answer = web.request(**{**asked, "headers": {"Accept": "text/html"}})

    kind = "application/problem+json" if path.startswith("/api/") else "text/html; charset=utf-8"
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, kind)
    assert wrong_with(answer) == set()


def test_haste_is_answered_with_them(web):
    body = {"email": "nobody@example.com", "password": "not the right one"}

    answers = [web.post("/api/v1/auth/login", json=body) for _ in range(40)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert [wrong_with(answer) for answer in answers] == [set()] * len(answers)
    assert int(refused[0].headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/static/css/tollgate.css", 200),
        ("HEAD", "/static/css/tollgate.css", 200),
        ("POST", "/static/css/tollgate.css", 405),
        ("GET", "/static/css/no-such-file.css", 404),
    ],
    ids=["file", "head", "post", "missing"],
)
def test_static_files_answer_with_them(web, method, path, status):
    answer = web.request(method, path, headers={"If-Modified-Since": "no date"})

    is_file = path.endswith("tollgate.css")
    assert answer.status_code == status
    assert wrong_with(answer, cached="", has_id=not is_file) == set()


def test_an_unchanged_static_file_answers_with_them(web):
    known = web.get("/static/css/tollgate.css").headers["ETag"]

    answer = web.get("/static/css/tollgate.css", headers={"If-None-Match": known})

    assert answer.status_code == 304
    assert wrong_with(answer, cached="", has_id=False) == set()


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/gateway/authorize", "GET", 401),
        ("/gateway/authorize?mode=unknown", "GET", 400),
        ("/gateway/authorize", "TRACE", 405),
        ("/api/v1/keys/verify", "GET", 405),
    ],
)
def test_the_gate_answers_with_them(web, path, method, status):
    answer = web.request(method, path)

    assert answer.status_code == status
    assert wrong_with(answer) == set()
