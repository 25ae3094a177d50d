"""Announcing what is about to go, on one operation that is deprecated for the length of a test."""

from datetime import UTC, datetime

import pytest
from drf_spectacular.generators import SchemaGenerator

from accounts.api.users import MeView
from config.common.deprecation import Deprecation

pytestmark = pytest.mark.django_db
PAGE = "https://tollgate.example/docs/changes#avatar"
GOING = Deprecation(
    since=datetime(2026, 3, 1, tzinfo=UTC),
    sunset=datetime(2026, 9, 1, tzinfo=UTC),
    link=PAGE,
    methods=frozenset({"GET"}),
)


@pytest.fixture
def client(api_as, olivia, monkeypatch):
    monkeypatch.setattr(MeView, "deprecations", (GOING,))
    return api_as(olivia)


@pytest.mark.parametrize("method", ["get", "head"])
def test_every_answer_announces_it(client, method):
    answer = getattr(client, method)("/api/v1/users/me")

    assert answer["Deprecation"] == "@1772323200"
    assert answer["Sunset"] == "Tue, 01 Sep 2026 00:00:00 GMT"
    assert answer["Link"] == (
        f'<{PAGE}>; rel="deprecation"; type="text/html", <{PAGE}>; rel="sunset"; type="text/html"'
    )


def test_refusals_announce_it_too(client):
    assert client.get("/api/v1/users/me?typo=1")["Deprecation"] == "@1772323200"


def test_other_methods_do_not(client):
    assert "Deprecation" not in client.patch("/api/v1/users/me", {"full_name": "Olivia"})


def test_the_document_says_so(client):
    paths = SchemaGenerator(api_version="v1").get_schema(request=None, public=True)["paths"]

    assert paths["/api/v1/users/me"]["get"]["deprecated"] is True
    assert "deprecated" not in paths["/api/v1/users/me"]["patch"]
