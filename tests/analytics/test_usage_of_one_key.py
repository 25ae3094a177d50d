"""`GET /api/v1/api-keys/{id}/usage`: what one key used, by whom it may be seen."""

import pytest

from analytics.models import HourlyKeyUsage
from apikeys.models import KeyActivity
from tests.analytics.pen import new_key
from tests.analytics.sums import hour, text


@pytest.fixture
def client(api_as, vera):
    return api_as(vera)


@pytest.mark.usefixtures("monday")
def test_usage_of_one_key(client, key, organization):
    other = new_key(organization)
    HourlyKeyUsage.objects.create(organization=organization, api_key=other, hour=hour(9), calls=99)
    KeyActivity.objects.create(
        api_key=key,
        first_used_at=hour(9),
        last_used_at=hour(11),
        last_ip="192.0.2.7",
        last_user_agent="curl/8.1",
    )
    query = {"from": text(hour(9)), "to": text(hour(11)), "measures": "calls,units"}

    response = client.get(f"/api/v1/api-keys/{key.pk}/usage", query)

    assert response.status_code == 200
    assert response.json() == {
        "key_id": key.pk,
        "activity": {
            "first_used_at": text(hour(9)),
            "last_used_at": text(hour(11)),
            "last_ip": "192.0.2.7",
            "last_user_agent": "curl/8.1",
        },
        "starts_at": text(hour(9)),
        "ends_at": text(hour(11)),
        "granularity": "hour",
        "time_zone": "UTC",
        "data": [
            {"bucket": text(hour(9)), "calls": 10, "units": 16},
            {"bucket": text(hour(10)), "calls": 0, "units": 0},
        ],
        "totals": {"calls": 10, "units": 16},
    }


def test_a_key_that_was_never_used(client, key):
    answer = client.get(f"/api/v1/api-keys/{key.pk}/usage").json()

    assert answer["activity"] == {
        "first_used_at": None,
        "last_used_at": None,
        "last_ip": None,
        "last_user_agent": "",
    }
    assert answer["totals"] == {"calls": 0, "errors": 0, "units": 0}


def test_a_foreign_key_is_as_missing_as_one_that_never_was(client, foreign_organization):
    foreign = new_key(foreign_organization)

    answers = [client.get(f"/api/v1/api-keys/{pk}/usage") for pk in (foreign.pk, 987_654)]

    assert [answer.status_code for answer in answers] == [404, 404]
    bodies = [answer.json() | {"request_id": "", "instance": ""} for answer in answers]
    assert bodies[0] == bodies[1]


def test_one_key_is_not_grouped_or_filtered_further(client, key):
    response = client.get(f"/api/v1/api-keys/{key.pk}/usage", {"group_by": "key"})

    assert response.status_code == 400
    assert response.json()["errors"][0]["code"] == "unknown_member"
