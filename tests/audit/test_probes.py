"""Who asks for what is another organization's is noted for staff, afterwards; the answer and what it costs are as ever."""

import base64
import json

import pytest
from django.conf import settings as configured

from audit.models import SecurityEvent
from organizations import access, tasks
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db
QUEUE = f"{configured.REDIS_PREFIX}celery:celery"
MISSING = 8_000_000_000_000_000_000


@pytest.fixture
def asked(redis_client):
    """Return what reads, oldest first, with which arguments jobs were asked for."""

    def read():
        messages = [json.loads(raw) for raw in redis_client.lrange(QUEUE, 0, -1)]
        return [
            json.loads(base64.b64decode(message["body"]))[1]
            for message in reversed(messages)
            if message["headers"]["task"] == "organizations.look_into_absence"
        ]

    return read


@pytest.fixture
def foreign_key(foreign_organization):
    return ApiKeyFactory.create(organization=foreign_organization)


def _look_into(asked):
    for arguments in asked():
        tasks.look_into_absence(**arguments)


def test_a_foreign_row_is_noted_for_staff_only(
    api_as, organization, mia, foreign_key, foreign_organization, asked
):
    response = api_as(mia).get(
        f"/api/v1/api-keys/{foreign_key.pk}", HTTP_X_REQUEST_ID="request-0001"
    )
    _look_into(asked)

    assert response.status_code == 404
    event = SecurityEvent.objects.get()
    assert (event.name, event.severity) == ("authz_fail", "WARNING")
    assert (event.organization_id, event.user_id) == (None, mia.pk)
    assert (event.ip, event.request_id) == ("127.0.0.1", "request-0001")
    assert event.data == {
        "organization_id": None,
        "user_id": mia.pk,
        "from_organization_id": organization.pk,
        "of_organization_id": foreign_organization.pk,
        "kind": "API key",
        "row_id": foreign_key.pk,
    }


def test_whoever_asked_cannot_learn_from_it_that_the_row_exists(
    api_as, organization, olivia, foreign_key, asked
):
    client = api_as(olivia)
    client.get(f"/api/v1/api-keys/{foreign_key.pk}")
    _look_into(asked)

    assert SecurityEvent.objects.filter(name="authz_fail").count() == 1
    for path in ("/api/v1/audit/security-events", "/api/v1/users/me/security-events"):
        assert client.get(path).json()["data"] == []


def test_a_foreign_organization_is_noted(api_as, organization, mia, foreign_organization, asked):
    client = api_as(mia)
    client.get("/api/v1/api-keys", HTTP_X_ORGANIZATION_ID=str(foreign_organization.pk))
    client.get(f"/api/v1/organizations/{foreign_organization.pk}")
    _look_into(asked)

    event = SecurityEvent.objects.get()
    assert (event.count, event.data["row_id"]) == (2, foreign_organization.pk)
    assert event.data["from_organization_id"] is None


def test_a_page_notes_it_as_well(portal_as, organization, mia, foreign_key, asked):
    response = portal_as(mia).get(f"/keys/{foreign_key.pk}/")
    _look_into(asked)

    assert response.status_code == 404
    assert SecurityEvent.objects.get().data["row_id"] == foreign_key.pk


def test_what_does_not_exist_leaves_nothing(api_as, organization, mia, asked):
    response = api_as(mia).get(f"/api/v1/api-keys/{MISSING}")
    _look_into(asked)

    assert response.status_code == 404
    assert len(asked()) == 1
    assert not SecurityEvent.objects.exists()


def test_foreign_and_missing_cost_the_same_before_the_answer(
    api_as, organization, mia, foreign_key, asked, django_assert_num_queries
):
    client = api_as(mia)
    client.get(f"/api/v1/api-keys/{MISSING}")
    queries = 3

    for pk in (foreign_key.pk, MISSING):
        with django_assert_num_queries(queries):
            client.get(f"/api/v1/api-keys/{pk}")

    first, second = asked()[-2:]
    assert first.keys() == second.keys()


def test_only_so_many_are_looked_into(api_as, organization, mia, asked):
    client = api_as(mia)

    for number in range(30):
        client.get(f"/api/v1/api-keys/{MISSING + number}")

    assert access._PROBES.burst <= len(asked()) <= access._PROBES.burst + 3


def test_nothing_is_looked_into_while_valkey_is_away(
    api_as, organization, mia, foreign_key, asked, settings
):
    client, url = api_as(mia), settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert client.get(f"/api/v1/api-keys/{foreign_key.pk}").status_code == 404
    settings.REDIS_URL = url
    assert asked() == []


def test_an_own_row_that_is_gone_is_no_probe(organization, mia):
    key = ApiKeyFactory.create(organization=organization)

    tasks.look_into_absence(
        model="apikeys.ApiKey",
        row_id=key.pk,
        user_id=mia.pk,
        organization_id=organization.pk,
        ip="203.0.113.7",
        user_agent="curl/8",
        request_id="request-0001",
    )

    assert not SecurityEvent.objects.exists()
