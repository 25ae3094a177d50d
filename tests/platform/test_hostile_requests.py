"""What no honest client sends: refused with a 4xx and a problem document, soon, and never with a 5xx."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.utils import timezone

from accounts.services import sessions
from config.common.jsonparser import MAX_DEPTH
from tests.doubles.fixtures import renew
from tests.doubles.house import open_house
from tests.doubles.stack import Gate, running_stack
from tests.patience import at_most

PROBLEM = "application/problem+json"
JSON = {"Content-Type": "application/json"}
KEYS = "/api/v1/api-keys"
ME = "/api/v1/users/me"
CSRF = "c" * 32


@pytest.fixture(scope="module")
def token(django_db_setup, django_db_blocker) -> Iterator[str]:
    """Return an access token of somebody who may create keys."""
    with django_db_blocker.unblock(), open_house(renew) as house:
        yield sessions.start(user=house.owner, at=timezone.now()).access


@pytest.fixture(scope="module")
def server(token: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with running_stack(tmp_path_factory.mktemp("hostile")) as stack:
        yield stack.gate(ALLOWED_HOSTS="127.0.0.1", WEB_THREADS="4", PUBLIC_URL=settings.PUBLIC_URL)


@pytest.fixture
def web(server: Gate, token: str) -> Iterator[httpx.Client]:
    credentials = {"Authorization": f"Bearer {token}"}
    with closing(httpx.Client(base_url=server.url, headers=credentials, timeout=60)) as client:
        yield client


def ask(web: httpx.Client, method: str, path: str, **how) -> httpx.Response:
    """Send a request; whatever comes back comes soon and is no failure of ours."""
    with at_most(3):
        answer = web.request(method, path, **how)
    assert answer.status_code < 500
    return answer


UNREADABLE = {
    "half": b'{"name":',
    "tail": b'{"name": "x"} {}',
    "comment": b'{"name": "x" /* y */}',
    "single quotes": b"{'name': 'x'}",
    "byte order mark": b'\xef\xbb\xbf{"name": "x"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "invalid UTF-8": b'{"name": "\xff\xfe"}',
    "overlong UTF-8": b'{"name": "\xc0\x80"}',
    "surrogate": b'{"name": "\\ud800"}',
    "surrogate in a name": b'{"\\udfff": 1}',
    "NUL": b'{"name": "a\\u0000b"}',
    "raw NUL": b'{"name": "a\x00b"}',
    "NUL in a name": b'{"na\\u0000me": 1}',
    "NaN": b'{"name": NaN}',
    "infinity": b'{"name": -Infinity}',
    "number beyond floats": b'{"name": 1e999}',
    "number of 5,000 digits": b'{"name": ' + b"9" * 5_000 + b"}",
    "number of 65 bits": b'{"name": 36893488147419103232}',
    "repeated name": b'{"name": "x", "name": "y"}',
    "repeated name, escaped": b'{"name": "x", "n\\u0061me": "y"}',
    "repeated name inside": b'{"name": "x", "metadata": {"a": {"b": 1, "b": 2}}}',
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "a level too deep": b'{"metadata":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    "wide": b'{"metadata": [' + b"0," * 100_000 + b"0]}",
    "many members": b"{" + b",".join(b'"m%d":0' % n for n in range(50_000)) + b"}",
}
UNFIT = {
    "nothing": b"",
    "a list": b"[]",
    "a text": b'"name"',
    "null": b"null",
    "number for text": b'{"name": 5}',
    "list for text": b'{"name": ["x"]}',
    "object for text": b'{"name": {"x": 1}}',
    "text for number": b'{"name": "x", "rate": {"limit": "5", "per_seconds": 1}}',
    "truth for number": b'{"name": "x", "rate": {"limit": true, "per_seconds": 1}}',
    "fraction for number": b'{"name": "x", "rate": {"limit": 5.5, "per_seconds": 1}}',
    "number for a choice": b'{"name": "x", "environment": 1}',
    "number in a list of texts": b'{"name": "x", "scopes": ["a", 1]}',
}


@pytest.mark.parametrize("name", [*UNREADABLE, *UNFIT])
def test_bodies_are_refused(web, name):
    answer = ask(web, "POST", KEYS, content={**UNREADABLE, **UNFIT}[name], headers=JSON)

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.json()["code"] == ("invalid_input" if name in UNFIT else "malformed_request")
    assert web.get(KEYS).json()["data"] == []


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "application/json; charset=utf-16",
        "application/json; charset=no-such",
        "application/json; charset=rot13",
        "application/json; charset*=utf-8''%00",
        "application/json; extended*=no-such''%41",
        "application/problem+json",
        "application/json, text/plain",
        "*/*",
        "json",
        "\xff\xfe",
    ],
    ids=lambda kind: kind[:40].encode("ascii", "replace").decode(),
)
def test_other_types_are_refused(web, kind):
    headers = {"Content-Type": kind.encode("latin-1")}

    answer = ask(web, "POST", KEYS, content=b'{"name": "x"}', headers=headers)

    assert (answer.status_code, answer.headers["Content-Type"]) == (415, PROBLEM)
    assert web.get(KEYS).json()["data"] == []


@pytest.mark.parametrize(
    "kind",
    [
        *(
            "text/plain; charset=rot13",
            "text/plain; charset=unicode_escape",
            "text/plain; charset=hex",
        ),
        *("text/plain; charset*=utf-8''%00", "text/plain; a*=no-such''%41", "a/b; a*=idna''%ff%ff"),
        *("*", f"a/b; a*{'9' * 5_000}=b"),
    ],
    ids=lambda kind: kind[:30],
)
@pytest.mark.parametrize("path", ["/problems/", "/healthz", "/api/v1/schema", KEYS])
def test_a_query_is_read_whatever_type_the_body_claims_to_have(web, path, kind):
    answer = ask(web, "GET", path, params={"q": r"\ud800"}, headers={"Content-Type": kind})

    assert answer.status_code == 200


HEADERS: dict[str, tuple[Any, int]] = {
    "foreign host": ({"Host": "evil.example"}, 400),
    "host with a user": ({"Host": "127.0.0.1@evil.example"}, 400),
    "host with a path": ({"Host": "127.0.0.1/evil"}, 400),
    "two hosts in one": ({"Host": "127.0.0.1, evil.example"}, 400),
    "long host": ({"Host": "a" * 5_000}, 400),
    "no token": ({"Authorization": "Bearer"}, 401),
    "garbage token": ({"Authorization": b"Bearer \xff\xfe.\xff.\xff"}, 401),
    "dots for a token": ({"Authorization": "Bearer .."}, 401),
    "endless token": ({"Authorization": "Bearer " + "a" * 9_000}, 401),
    "organization of 40 digits": ({"X-Organization-Id": "9" * 40}, 400),
    "organization of words": ({"X-Organization-Id": "one"}, 400),
    "organization below zero": ({"X-Organization-Id": "-1"}, 400),
    "large header": ({"X-Filler": "x" * 65_536}, 431),
    "many headers": ({f"X-Filler-{number}": "x" for number in range(2_000)}, 431),
    "many cookies": ({"Cookie": "; ".join(f"c{n}=x" for n in range(5_000))}, 431),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_are_refused(web, name):
    headers, status = HEADERS[name]

    answer = ask(web, "GET", KEYS, headers=headers)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


HARMLESS: dict[str, Any] = {
    "cookies": {"Cookie": "; ".join(f"c{n}=x" for n in range(1_000))},
    "NUL in a cookie": {"Cookie": 'tollgate_session="aaaaaaaa\\000bbbb"'},
    "line feed in a cookie": {"Cookie": 'tollgate_csrf="aaaaaaaa\\012bbbb"'},
    "unreadable cookie": {"Cookie": b"\xff=\xfe; ===; a"},
    "forwarded for": {"X-Forwarded-For": "6.6.6.6," * 1_000},
    "forwarded": {"Forwarded": 'for="[::1]";host=evil.example;proto=https'},
    "forwarded host": {"X-Forwarded-Host": "evil.example"},
    "original URL": {"X-Original-URL": "/admin/", "X-Rewrite-URL": "/admin/"},
    "another method": {"X-HTTP-Method-Override": "DELETE"},
    "languages": {"Accept-Language": "en" + ",xx;q=0.1" * 1_500},
    "user agent": {"User-Agent": b"\xff\xfe" + b"x" * 5_000},
    "expectation": {"Expect": "something-else"},
    "date": {"If-Modified-Since": "yesterday", "If-None-Match": '"' * 100},
    "range": {"Range": "bytes=" + "0-," * 2_000},
}


@pytest.mark.parametrize("name", HARMLESS)
def test_headers_that_mean_nothing_here_change_nothing(web, name):
    answer = ask(web, "GET", ME, headers=HARMLESS[name])
    page = ask(web, "GET", "/login/", headers={**HARMLESS[name], "Accept": "text/html"})

    assert (answer.status_code, page.status_code) == (200, 200)
    assert b"evil.example" not in answer.content + page.content


@pytest.mark.parametrize(
    "offered",
    ["short", "x" * 65, "with blanks in it", "semi;colon-0001", "<script>x</script>", b"\xff" * 12],
    ids=["short", "long", "blanks", "semicolon", "markup", "bytes"],
)
def test_odd_request_ids_are_replaced(web, offered):
    answer = ask(web, "GET", "/no-such-page", headers={"X-Request-Id": offered})

    assert len(answer.headers["X-Request-Id"]) == 32
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


def test_odd_accept_headers_get_json(web):
    for accept in ("text/html;q=x", "*", "application/xml", "image/*;q=2", ";;;", "a/b" * 2_000):
        answer = ask(web, "GET", "/api/v1/no-such-path", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, PROBLEM)


QUERIES = {
    "NUL": "a=%00",
    "broken UTF-8": "a=%ff%fe",
    "many parameters": "&".join(f"p{n}=1" for n in range(2_000)),
    "separators only": "&" * 5_000,
    "unknown": "no_such_parameter=1",
    "repeated": "limit=1&limit=2",
    "number of 5,000 digits": "limit=" + "9" * 5_000,
    "below zero": "limit=-1",
    "not a number": "limit=1e3",
    "foreign cursor": "cursor=eyJhIjoxfQ",
    "unreadable cursor": "cursor=" + "%F0%9F%92%A9" * 500,
}


@pytest.mark.parametrize("name", QUERIES)
def test_queries_are_refused(web, name):
    answer = ask(web, "GET", f"{KEYS}?{QUERIES[name]}")

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, PROBLEM)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{KEYS}/{'9' * 400}", 404),
        (f"{KEYS}/9223372036854775808", 404),
        (f"{KEYS}/-1", 404),
        (f"{KEYS}/%00", 404),
        (f"{KEYS}/1%2F..%2F..", 404),
        ("/api/v1/%ff%fe", 404),
        ("/api/v1/../../etc/passwd", 404),
        ("/" + "a" * 10_000, 404),
        ("/problems/" + "x" * 1_000, 404),
        ("/media/avatars/..%2f..%2fmanage.py", 404),
        ("/media/avatars/%00.png", 404),
    ],
    ids=lambda value: str(value)[:40],
)
def test_paths_are_refused(web, path, status):
    answer = ask(web, "GET", path)

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM)


PARTS = "multipart/form-data; boundary=b"


def _part(value: bytes) -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="email"\r\n\r\n%s\r\n--b--\r\n' % value


UNREADABLE_FORMS = {
    "no boundary": ("multipart/form-data", b"x"),
    "many fields": ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 2_000)),
    "many files": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nx\r\n' * 500
        + b"--b--",
    ),
    "other charset": ("application/x-www-form-urlencoded; charset=utf-16", b"\xff\xfea=1"),
    "escapes": (f"{PARTS}; charset=unicode_escape", _part(rb"\ud800")),
    "UTF-7": (f"{PARTS}; charset=utf-7", _part(b"+2AA-")),
    "no charset": (f"{PARTS}; charset=rot13", _part(b"x")),
}
ODD_FORMS = {
    "unfinished part": ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-da"),
    "NUL": ("application/x-www-form-urlencoded", b"email=a%00&password=b%00"),
    "broken UTF-8": ("application/x-www-form-urlencoded", b"email=%ff&password=%fe"),
    "JSON": ("application/json", b'{"email": "a"}'),
    "extended boundary": ("multipart/form-data; boundary*=no-such''b", _part(b"x")),
    "part in another charset": (PARTS, _part(b"x").replace(b"name=", b"name*=rot13''")),
}


def send_form(web: httpx.Client, path: str, kind: str, content: bytes, **headers) -> httpx.Response:
    """Send a form with the token that a page of ours would send along."""
    ours = {"Cookie": f"tollgate_csrf={CSRF}", "X-CSRFToken": CSRF}
    headers = {"Content-Type": kind, **ours, **headers}
    return ask(web, "POST", path, content=content, headers=headers)


@pytest.mark.parametrize("name", UNREADABLE_FORMS)
@pytest.mark.parametrize("path", ["/login/", "/register/", "/admin/login/", "/profile/"])
def test_forms_that_cannot_be_read_are_refused(web, name, path):
    answer = send_form(web, path, *UNREADABLE_FORMS[name])
    page = send_form(web, path, *UNREADABLE_FORMS[name], Accept="text/html")

    assert (answer.status_code, page.status_code) == (400, 400)
    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.json()["code"] == "malformed_request"
    assert page.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("name", ODD_FORMS)
@pytest.mark.parametrize(
    ("path", "leads_to"),
    [("/login/", ""), ("/register/", ""), ("/admin/login/", "/login/"), ("/profile/", "/login/")],
)
def test_odd_forms_sign_nobody_in(web, name, path, leads_to):
    answer = send_form(web, path, *ODD_FORMS[name])

    assert answer.status_code == (302 if leads_to else 200)
    assert answer.headers.get("Location", "").partition("?")[0] == leads_to
    assert "tollgate_session" not in answer.cookies
