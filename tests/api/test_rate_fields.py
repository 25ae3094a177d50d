"""The rates of our own API: of each person, each organization and each key, told on every answer."""

import time

import pytest
from rest_framework.test import APIClient

from config.common import redis as connections
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db
KEYS = "/api/v1/api-keys"


@pytest.fixture
def narrow(settings):
    settings.API_RATE_PERSON, settings.API_RATE_ORGANIZATION = 2, 3


def test_every_answer_tells_what_is_left(api_as, olivia):
    client = api_as(olivia)

    answers = [client.get("/api/v1/users/me"), client.get(KEYS), client.get(f"{KEYS}/1")]

    assert [answer["RateLimit-Policy"] for answer in answers] == [
        '"person";q=600;w=60',
        '"person";q=600;w=60, "organization";q=3000;w=60',
        '"person";q=600;w=60, "organization";q=3000;w=60',
    ]
    assert answers[0]["RateLimit"] == '"person";r=599;t=1'
    assert answers[0]["X-RateLimit-Limit"] == "600"
    assert answers[0]["X-RateLimit-Remaining"] == "599"
    assert answers[0]["X-RateLimit-Reset"] == "1"


def test_a_person_in_haste_is_refused(api_as, olivia, narrow):
    client, began = api_as(olivia), time.monotonic()
    assert [client.get("/api/v1/users/me").status_code for _ in range(2)] == [200, 200]

    refused = client.get("/api/v1/users/me")

    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.json()["violated_policies"] == ["person"]
    assert refused["RateLimit"] == f'"person";r=0;t={refused["Retry-After"]}'
    assert 30 - (time.monotonic() - began) <= int(refused["Retry-After"]) <= 30


def test_an_organization_is_counted_through_all_its_people(api_as, olivia, mia, narrow):
    assert [api_as(olivia).get(KEYS).status_code for _ in range(2)] == [200, 200]
    assert api_as(mia).get(KEYS).status_code == 200

    refused = api_as(mia).get(KEYS)

    assert refused.json()["violated_policies"] == ["organization"]
    assert refused["RateLimit"].startswith('"person";r=1;t=')


def test_a_refused_call_takes_nothing_from_either(api_as, olivia, mia, narrow):
    for _ in range(2):
        api_as(olivia).get(KEYS)
    organization_id = olivia.memberships.get().organization_id
    bucket = connections.key("r", f"api:organization:{organization_id}")
    before = connections.client().get(bucket)

    assert api_as(olivia).get(KEYS).status_code == 429
    assert connections.client().get(bucket) == before


def test_a_key_is_told_its_own_rate_and_the_organizations(organization):
    key = ApiKeyFactory.create(
        organization=organization,
        scopes=["tollgate:*"],
        rate_limit=5,
        rate_per_seconds=1,
        rate_burst=5,
    )
    client = APIClient(headers={"Authorization": f"Bearer {key.secret}"})

    answer = client.get(KEYS)

    assert answer.status_code == 200
    names = [policy.partition(";")[0] for policy in answer["RateLimit-Policy"].split(", ")]
    assert (names[0], names[-1]) == ('"burst"', '"organization"')
    assert '"burst";r=4;' in answer["RateLimit"]


def test_nothing_is_told_while_redis_is_away(api_as, olivia, settings):
    client = api_as(olivia)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    answer = client.get("/api/v1/users/me")

    assert answer.status_code == 200
    assert "RateLimit" not in answer
