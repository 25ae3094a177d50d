"""Requests of our own pages to the API: signed in by cookie, checked against forgery, and read as they came."""

import pytest
from django.conf import settings
from django.test import Client

from apikeys.models import ApiKey
from tests.factories.accounts import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(olivia):
    """A browser whose requests are checked against forgery."""
    client = Client(enforce_csrf_checks=True, headers={"Accept": "application/json"})
    client.get("/login/")
    form = {"email": olivia.email, "password": PASSWORD}
    answer = client.post("/login/", {**form, "csrfmiddlewaretoken": _token(client)})
    assert answer.status_code == 302
    return client


def _token(client):
    return client.cookies[settings.CSRF_COOKIE_NAME].value


def _ask(client, path, body, **headers):
    return client.post(
        path,
        body,
        content_type="application/json",
        headers={"X-CSRFToken": _token(client), **headers},
    )


def test_an_operation_without_a_body_is_answered(page):
    answer = _ask(page, "/api/v1/auth/passkeys/options", "{}")

    assert answer.status_code == 200
    assert answer.json()["challenge"]


def test_a_body_that_is_not_taken_is_refused(page):
    answer = _ask(page, "/api/v1/auth/passkeys/options", '{"name": "x"}')

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/name"]


def test_a_key_against_repetition_holds(page):
    body = '{"name": "Checkout"}'

    first = _ask(page, "/api/v1/api-keys", body, **{"Idempotency-Key": "a-first-key-of-mine"})
    again = _ask(page, "/api/v1/api-keys", body, **{"Idempotency-Key": "a-first-key-of-mine"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert ApiKey.objects.count() == 1


def test_without_the_token_nothing_is_done(page):
    answer = page.post("/api/v1/api-keys", '{"name": "Checkout"}', content_type="application/json")

    assert answer.status_code == 403
    assert not ApiKey.objects.exists()
