"""How fast one address may use the doors, with Redis and without."""

import pytest

from accounts.models import LoginGuard
from tests.factories.accounts import PASSWORD

RESEND = "/api/v1/auth/verify-email/resend"
BODY = {"email": "nobody@example.com"}


@pytest.fixture
def redis_away(settings):
    """Let Redis be where nobody listens."""
    away = "redis://127.0.0.1:1/0"
    settings.REDIS_URL = away
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": away}}


def _post(api, path, times, ip="203.0.113.1"):
    return [api.post(path, BODY, REMOTE_ADDR=ip).status_code for _ in range(times)]


def test_an_address_that_is_too_fast_is_refused(api, db):
    assert _post(api, RESEND, 20) == [200] * 20

    refused = api.post(RESEND, BODY, REMOTE_ADDR="203.0.113.1")

    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused["Retry-After"]) in range(1, 4)


def test_addresses_have_a_pace_of_their_own(api, db):
    _post(api, RESEND, 21)

    assert _post(api, RESEND, 1, ip="203.0.113.2") == [200]


def test_forwarded_addresses_of_strangers_are_not_believed(api, db):
    _post(api, RESEND, 20)

    refused = api.post(RESEND, BODY, REMOTE_ADDR="203.0.113.1", HTTP_X_FORWARDED_FOR="192.0.2.1")

    assert refused.status_code == 429


def test_without_redis_postgresql_keeps_the_pace(api, redis_away, db, clock):
    assert _post(api, RESEND, 21) == [200] * 20 + [429]

    clock.shift(60)
    assert _post(api, RESEND, 1) == [200]


def test_without_redis_forms_keep_their_pace(portal, redis_away, db, clock):
    statuses = [portal.post("/verify-email-resend/", {}).status_code for _ in range(21)]

    assert statuses == [200] * 20 + [429]


def test_without_redis_people_sign_in(api, redis_away, olivia):
    pair = api.post("/api/v1/auth/login", {"email": olivia.email, "password": PASSWORD})

    assert pair.status_code == 200
    assert LoginGuard.objects.count() == 1
    again = api.post("/api/v1/auth/refresh", {"refresh": pair.json()["refresh"]})
    assert again.status_code == 200


def test_without_redis_people_register(transactional_db, api, redis_away):
    body = BODY | {"password": "four unrelated quiet words"}

    assert api.post("/api/v1/auth/register", body).status_code == 201
