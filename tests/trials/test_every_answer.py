"""What is on every answer of the web process: security headers, a request id, and problem documents for errors."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.doubles.house import House
from tests.doubles.stack import Gate

PAGES = ["/", "/login/", "/register/", "/docs/", "/admin/login/", "/no-such-page"]
API = [
    ("GET", "/api/v1/schema"),
    ("GET", "/api/v1/api-keys"),
    ("GET", "/api/v1/no-such-thing"),
    ("PUT", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/login"),
    ("GET", "/gateway/authorize"),
    ("GET", "/gateway/authorize?mode=unknown"),
    ("POST", "/api/v1/keys/verify"),
    ("GET", "/api/v1/keys/verify"),
]
_TIGHT_REFERRERS = {"no-referrer", "same-origin", "strict-origin-when-cross-origin"}
PLAIN = ["/healthz", "/readyz", "/static/css/tollgate.css", "/favicon.ico", "/metrics"]


@pytest.fixture(scope="module")
def web(gates: list[Gate]) -> Iterator[httpx.Client]:
    """A client of the web process itself."""
    with httpx.Client(base_url=gates[0].url, headers={"Host": "127.0.0.1"}, timeout=60) as client:
        yield client


@pytest.mark.parametrize(("method", "path"), [*API, *(("GET", path) for path in [*PAGES, *PLAIN])])
def test_every_answer_carries_the_protecting_headers(
    method: str, path: str, web: httpx.Client
) -> None:
    answer = web.request(method, path)

    headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] in _TIGHT_REFERRERS
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"].startswith("max-age=")
    if not path.startswith("/static/"):
        assert re.fullmatch(r"[A-Za-z0-9_-]{8,64}", headers["X-Request-Id"])
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "Server" not in headers


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_html_for_browsers(path: str, web: httpx.Client) -> None:
    answer = web.get(path, headers={"Accept": "text/html"}, follow_redirects=True)

    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.status_code == (404 if path == "/no-such-page" else 200)


@pytest.mark.parametrize(("method", "path"), API[1:])
@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json"])
def test_errors_are_problem_documents(
    accept: str, method: str, path: str, web: httpx.Client
) -> None:
    answer = web.request(method, path, headers={"Accept": accept}, content=b"{")

    assert answer.status_code in {400, 401, 403, 404, 405, 406, 415}
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert {"type", "title", "detail", "instance", "code", "errors"} <= problem.keys()
    page = web.get(httpx.URL(problem["type"]).path)
    assert page.status_code == 200, f"{problem['type']} is not documented"


@pytest.mark.parametrize("size", [20_000_000, 200_000])
def test_a_large_body_is_refused_early(size: int, web: httpx.Client) -> None:
    answer = web.post(
        "/api/v1/auth/login", content=b" " * size, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code in {400, 413}
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_large_headers_are_refused(web: httpx.Client) -> None:
    answer = web.get("/api/v1/api-keys", headers={"Cookie": "a" * 40_000})

    assert answer.status_code == 431
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_gate_and_the_pages_agree_on_request_ids(house: House, web: httpx.Client) -> None:
    sent = {"X-Request-Id": "agreed-upon-0001"}

    page = web.get("/healthz", headers=sent)
    gate = web.get("/gateway/authorize", headers={**sent, **house.key().headers})

    assert page.headers["X-Request-Id"] == "agreed-upon-0001"
    assert (gate.status_code, gate.headers["X-Request-Id"]) == (204, "agreed-upon-0001")
