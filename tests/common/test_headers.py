"""Security headers are on every answer, whoever made it."""

import pytest
from django.core.exceptions import BadRequest, PermissionDenied, TooManyFilesSent
from django.db import DataError, OperationalError
from django.test import Client
from django.urls import path

from config import urls
from config.common import errors
from config.common.middleware.security_headers import HEADERS

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/login/", 200),
        ("/healthz", 200),
        ("/docs/", 200),
        ("/api/v1/schema", 200),
        ("/api/v1/users/me", 401),
        ("/nothing/", 404),
        ("/admin/login/", 302),
        ("/problems/", 200),
    ],
)
def test_headers_are_there(path, status):
    answer = Client().get(path)

    assert answer.status_code == status
    for name, value in HEADERS.items():
        assert answer[name] == value, name
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["Cache-Control"]


def _fail(error):
    def view(_request):
        raise error

    return view


urlpatterns = [
    path("defect", _fail(RuntimeError("of ours"))),
    path("database", _fail(OperationalError("is away"))),
    path("value", _fail(DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"))),
    path("form", _fail(BadRequest("is not UTF-8"))),
    path("files", _fail(TooManyFilesSent("at once"))),
    path("forbidden", _fail(PermissionDenied())),
    path("haste", _fail(errors.TooManyRequests(headers={"Retry-After": "5"}))),
    *urls.urlpatterns,
]
handler500 = "config.pages.server_error"


@pytest.mark.parametrize("accept", ["text/html", "*/*"], ids=["html", "json"])
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("defect", 500),
        ("database", 503),
        ("value", 400),
        ("form", 400),
        ("files", 413),
        ("forbidden", 403),
        ("haste", 429),
    ],
)
def test_headers_are_there_whatever_fails(settings, name, status, accept):
    settings.ROOT_URLCONF = __name__

    answer = Client(raise_request_exception=False).get(f"/{name}", headers={"Accept": accept})

    kind = "application/problem+json" if accept == "*/*" else "text/html; charset=utf-8"
    assert (answer.status_code, answer["Content-Type"]) == (status, kind)
    assert {name: answer[name] for name in HEADERS} == HEADERS
    assert answer["Cache-Control"] == "no-store"
    assert b"0x00" not in answer.content
    assert ("Retry-After" in answer) is (status in {429, 503})


def test_https_is_insisted_on_in_production(settings):
    settings.HSTS_SECONDS = 31536000

    answer = Client().get("/healthz")

    assert answer["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


ALLOWED = "https://app.example.com"
DISGUISES = [
    "null",
    "*",
    "app.example.com",
    "http://app.example.com",
    "HTTPS://app.example.com",
    "https://APP.example.com",
    "https://app.example.com.",
    "https://app.example.com/",
    "https://app.example.com:443",
    "https://app.example.com:8443",
    "https://app.example.com:",
    "https://app.example.com.evil.test",
    "https://evilapp.example.com",
    "https://evil-app.example.com",
    "https://sub.app.example.com",
    "https://example.com",
    "https://user@app.example.com",
    "https://app.example.com@evil.test",
    "https://evil.test/https://app.example.com",
    "https://evil.test#https://app.example.com",
    "https://app.example.com?",
    "https://app.exa\tmple.com",
    " https://app.example.com",
    "https://app.example.com https://evil.test",
    "https://app.example.com, https://evil.test",
    "https://app.example.com%00",
    "https://[::1",
    "ws://app.example.com",
]


@pytest.mark.parametrize("origin", DISGUISES, ids=ascii)
@pytest.mark.parametrize("method", ["get", "options"])
def test_other_origins_may_not_read(origin, method):
    asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}

    answer = getattr(Client(), method)("/api/v1/users/me", headers=asked)

    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert "origin" in answer["Vary"].lower().split(", ")


def test_a_listed_origin_may_read_but_not_with_cookies():
    answer = Client().get("/api/v1/users/me", headers={"Origin": ALLOWED})

    allowed = {name.lower(): value for name, value in answer.headers.items()}
    assert {name: allowed[name] for name in allowed if name.startswith("access-control-")} == {
        "access-control-allow-origin": ALLOWED,
        "access-control-expose-headers": (
            "idempotency-replayed, idempotent-replayed, link, ratelimit, ratelimit-policy, retry-after, x-request-id"
        ),
    }
    assert "origin" in answer["Vary"].lower().split(", ")


def test_a_listed_origin_is_told_what_it_may_send():
    asked = {"Origin": ALLOWED, "Access-Control-Request-Method": "PATCH"}

    answer = Client().options("/api/v1/api-keys/1", headers=asked)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Access-Control-Allow-Origin"] == ALLOWED
    assert "PATCH" in answer["Access-Control-Allow-Methods"]
    assert "authorization" in answer["Access-Control-Allow-Headers"]
    assert "cookie" not in answer["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer


def test_a_listed_origin_may_read_refusals_of_every_layer():
    headers = {"Origin": ALLOWED}
    large = b" " * 1_100_000

    answers = [
        Client().get("/api/v1/no-such-path", headers=headers),
        Client().get("/api/v1/users/me?a=%00", headers=headers),
        Client().post("/api/v1/auth/login", large, "application/json", headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [404, 400, 413]
    assert [answer["Access-Control-Allow-Origin"] for answer in answers] == [ALLOWED] * 3


@pytest.mark.parametrize("path", ["/", "/login/", "/healthz", "/admin/login/", "/docs/"])
def test_pages_are_for_no_other_origin(path):
    answer = Client().get(path, headers={"Origin": ALLOWED})

    assert "Access-Control-Allow-Origin" not in answer


LISTED = ["10.0.0.0/8", "::ffff:192.0.2.128/121", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("10.1.2.3", 302),
        ("::ffff:10.1.2.3", 302),
        ("2001:db8::7", 302),
        ("192.0.2.130", 302),
        ("192.0.2.1", 404),
        ("2001:db9::7", 404),
        ("", 404),
        ("unix:", 404),
    ],
)
def test_the_back_office_is_for_listed_networks(settings, address, status):
    settings.OPERATOR_ALLOWLIST = LISTED

    assert Client().get("/admin/", REMOTE_ADDR=address).status_code == status


@pytest.mark.parametrize(
    "path", ["/admin", "/admin/", "/admin/login/", "/admin/no/such/page", "/metrics", "/metrics/"]
)
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_to_others_it_looks_as_if_there_were_nothing(settings, path, accept):
    settings.OPERATOR_ALLOWLIST = LISTED
    headers = {"Accept": accept, "X-Request-Id": "request-0001"}

    refused = Client().get(path, REMOTE_ADDR="192.0.2.1", headers=headers)
    missing = Client().get("/nothing", REMOTE_ADDR="192.0.2.1", headers=headers)

    assert refused.status_code == missing.status_code == 404
    assert refused.content.replace(path.encode(), b"/nothing") == missing.content
    assert refused.headers.keys() == missing.headers.keys()


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP"])
def test_nobody_can_claim_to_be_an_operator(settings, name):
    settings.OPERATOR_ALLOWLIST = LISTED

    answer = Client().get("/metrics", REMOTE_ADDR="192.0.2.1", headers={name: "10.0.0.9"})

    assert answer.status_code == 404


def test_operators_behind_a_proxy_are_recognized(settings):
    settings.OPERATOR_ALLOWLIST, settings.TRUSTED_PROXIES = LISTED, ["127.0.0.1/32"]
    client = Client(REMOTE_ADDR="127.0.0.1")

    statuses = [
        client.get("/metrics", headers={"X-Forwarded-For": chain}).status_code
        for chain in ("10.0.0.9", "6.6.6.6, 10.0.0.9", "10.0.0.9, 6.6.6.6", "10.0.0.9, nonsense")
    ]

    assert statuses == [200, 200, 404, 404]


def test_pages_beside_the_back_office_are_open(settings):
    settings.OPERATOR_ALLOWLIST = LISTED

    for url, status in (("/administrators", 404), ("/metricsx", 404), ("/healthz", 200)):
        assert Client().get(url, REMOTE_ADDR="192.0.2.1").status_code == status
