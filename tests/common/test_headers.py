"""Security headers are on every answer, whoever made it."""

import pytest
from django.test import Client

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
        ("/admin/login/", 200),
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


def test_https_is_insisted_on_in_production(settings):
    settings.HSTS_SECONDS = 31536000

    answer = Client().get("/healthz")

    assert answer["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://app.example.com", True),
        ("http://app.example.com", False),
        ("https://app.example.com:8443", False),
        ("https://app.example.com.evil.test", False),
        ("https://evilapp.example.com", False),
        ("https://evil.test/https://app.example.com", False),
        ("null", False),
    ],
)
def test_only_listed_origins_may_read(origin, allowed):
    answer = Client().get("/api/v1/users/me", headers={"Origin": origin})

    assert answer.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    assert "origin" in answer["Vary"].lower()


@pytest.mark.parametrize(
    ("address", "status"), [("192.0.2.1", 404), ("10.1.2.3", 302), ("::ffff:10.1.2.3", 302)]
)
def test_the_back_office_is_for_listed_networks(settings, address, status):
    settings.OPERATOR_ALLOWLIST = ["10.0.0.0/8"]

    answer = Client().get("/admin/", REMOTE_ADDR=address)

    assert answer.status_code == status


def test_metrics_are_for_listed_networks(settings):
    settings.OPERATOR_ALLOWLIST = ["10.0.0.0/8"]

    assert Client().get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 404
    assert Client().get("/metrics", REMOTE_ADDR="10.0.0.9").status_code == 200
