"""`GET /api/v1/analytics/usage`: what was used, by whom it may be seen."""

from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.models import DailyRouteUsage, HourlyKeyUsage, HourlyUsage
from analytics.selectors import usage
from analytics.selectors.measures import MEASURES
from organizations.models import Organization
from tests.analytics.pen import new_key
from tests.analytics.sums import hour, text

URL = "/api/v1/analytics/usage"


@pytest.fixture
def client(api_as, vera):
    return api_as(vera)


@pytest.mark.usefixtures("monday")
def test_hours_of_the_organization(client):
    query = {
        "measures": "calls,errors,latency_p95",
        "granularity": "hour",
        "from": text(hour(9)),
        "to": text(hour(12)),
    }

    response = client.get(URL, query)

    assert response.status_code == 200
    assert response.json() == {
        "starts_at": "2026-03-02T09:00:00Z",
        "ends_at": "2026-03-02T12:00:00Z",
        "granularity": "hour",
        "time_zone": "UTC",
        "data": [
            {"bucket": "2026-03-02T09:00:00Z", "calls": 10, "errors": 2, "latency_p95": 10},
            {"bucket": "2026-03-02T10:00:00Z", "calls": 0, "errors": 0, "latency_p95": None},
            {"bucket": "2026-03-02T11:00:00Z", "calls": 4, "errors": 2, "latency_p95": 98},
        ],
        "totals": {"calls": 14, "errors": 4, "latency_p95": 98},
    }


@pytest.mark.usefixtures("monday")
def test_every_measure(client):
    response = client.get(
        URL, {"measures": ",".join(MEASURES), "from": text(hour(9)), "to": text(hour(12))}
    )

    assert response.json()["totals"] == {
        "calls": 14,
        "allowed": 12,
        "refused": 2,
        "errors": 4,
        "rate_limited": 2,
        "quota_exceeded": 0,
        "insufficient_credits": 0,
        "denied": 0,
        "client_errors": 1,
        "server_errors": 1,
        "units": 20,
        "bytes_in": 0,
        "bytes_out": 0,
        "latency_p50": 10,
        "latency_p95": 98,
        "latency_p99": 98,
    }


def test_by_key(client, organization, key):
    other = new_key(organization)
    for each, at, calls in ((key, 9, 5), (other, 9, 7), (other, 10, 1)):
        HourlyKeyUsage.objects.create(
            organization=organization, api_key=each, hour=hour(at), calls=calls
        )
        HourlyUsage.objects.update_or_create(
            organization=organization, hour=hour(at), defaults={"calls": {9: 12, 10: 1}[at]}
        )
    query = {
        "measures": "calls",
        "group_by": "key",
        "from": text(hour(9)),
        "to": text(hour(11)),
    }

    answer = client.get(URL, query).json()

    assert answer["data"] == [
        {"bucket": text(hour(9)), "key_id": key.pk, "calls": 5},
        {"bucket": text(hour(9)), "key_id": other.pk, "calls": 7},
        {"bucket": text(hour(10)), "key_id": other.pk, "calls": 1},
    ]
    assert answer["totals"] == {"calls": 13}
    only_other = client.get(URL, {**query, "key_id": str(other.pk), "granularity": "total"}).json()
    assert only_other["data"] == [{"key_id": other.pk, "calls": 8}]
    assert only_other["totals"] == {"calls": 8}


def test_by_route(client, organization):
    for day, route, calls in ((2, "GET /a", 3), (3, "GET /a", 4), (3, "POST /b", 5)):
        DailyRouteUsage.objects.create(
            organization=organization,
            day=date(2026, 3, day),
            route=route,
            calls=calls,
            api_id=day - 2,
        )
    query = {
        "measures": "calls",
        "group_by": "route",
        "granularity": "day",
        "from": "2026-03-02",
        "to": "2026-03-03T10:00:00Z",
    }

    answer = client.get(URL, query).json()

    assert answer["ends_at"] == "2026-03-04T00:00:00Z"
    assert answer["data"] == [
        {"bucket": "2026-03-02T00:00:00Z", "route": "GET /a", "api_id": None, "calls": 3},
        {"bucket": "2026-03-03T00:00:00Z", "route": "GET /a", "api_id": 1, "calls": 4},
        {"bucket": "2026-03-03T00:00:00Z", "route": "POST /b", "api_id": 1, "calls": 5},
    ]
    only_a = client.get(URL, {**query, "route": "GET /a", "granularity": "total"}).json()
    assert only_a["totals"] == {"calls": 7}


def test_the_last_day_is_meant_when_nothing_is_said(client, organization):
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    HourlyUsage.objects.create(organization=organization, hour=now, calls=3, allowed=3)

    answer = client.get(URL).json()

    assert (answer["granularity"], len(answer["data"])) == ("hour", 24)
    assert answer["totals"] == {"calls": 3, "errors": 0, "units": 0}


def test_a_time_without_offset_is_meant_in_the_time_zone(client):
    query = {
        "time_zone": "America/New_York",
        "from": "2026-03-02T10:00:00",
        "to": "2026-03-02T12:00",
    }

    answer = client.get(URL, query).json()

    assert (answer["starts_at"], answer["ends_at"]) == (text(hour(15)), text(hour(17)))


@pytest.mark.usefixtures("monday")
@pytest.mark.parametrize("granularity", ["day", "total"])
def test_parts_of_days_are_answered_from_hours(client, granularity):
    query = {"granularity": granularity, "from": text(hour(9)), "to": text(hour(12))}

    answer = client.get(URL, query).json()

    assert answer["totals"]["calls"] == 14


def test_the_period_is_widened_to_whole_hours(client):
    query = {"from": "2026-03-02T09:59:59Z", "to": "2026-03-02T10:00:01Z"}

    answer = client.get(URL, query).json()

    assert (answer["starts_at"], answer["ends_at"]) == (text(hour(9)), text(hour(11)))


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ({"measure": "calls"}, "#/measure", "unknown_member"),
        ({"measures": "calls,speed"}, "#/measures", "invalid_choice"),
        ({"measures": ""}, "#/measures", "blank"),
        ({"granularity": "minute"}, "#/granularity", "invalid_choice"),
        ({"group_by": "country"}, "#/group_by", "invalid_choice"),
        ({"from": "yesterday"}, "#/from", "invalid"),
        ({"from": "0001-01-01"}, "#/from", "range"),
        ({"to": "9999-12-31T23:59:59-12:00"}, "#/to", "range"),
        ({"from": "2026-03-03", "to": "2026-03-02"}, "#/from", "period"),
        ({"from": "2026-03-02", "to": "2026-03-02"}, "#/from", "period"),
        ({"from": "2026-01-01", "to": "2026-04-01", "granularity": "hour"}, "#/from", "period"),
        ({"from": "2020-01-01", "to": "2026-01-01", "granularity": "day"}, "#/from", "period"),
        ({"from": "2020-01-01", "to": "2026-01-01"}, "#/from", "period"),
        ({"time_zone": "Mars/Olympus"}, "#/time_zone", "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "#/time_zone", "time_zone"),
        ({"key_id": "abc"}, "#/key_id", "invalid"),
        ({"key_id": "0"}, "#/key_id", "min_value"),
        ({"key_id": ",".join(map(str, range(1, 102)))}, "#/key_id", "too_many"),
        ({"group_by": "route", "key_id": "1"}, "#/key_id", "combination"),
        ({"group_by": "key", "route": "GET /a"}, "#/group_by", "combination"),
        ({"group_by": "route", "granularity": "hour"}, "#/granularity", "combination"),
        ({"group_by": "route", "time_zone": "Europe/Berlin"}, "#/time_zone", "combination"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_a_pointer(client, query, pointer, code):
    response = client.get(URL, query)

    assert response.status_code == 400
    (fault,) = response.json()["errors"]
    assert (fault["pointer"], fault["code"], fault["location"]) == (pointer, code, "query")


def test_a_parameter_given_twice_is_refused(client):
    response = client.get(f"{URL}?measures=calls&measures=units")

    assert response.status_code == 400
    assert response.json()["errors"][0]["code"] == "repeated"


def test_too_many_rows_are_refused(client, organization, key, monkeypatch):
    monkeypatch.setattr(usage, "MAX_ROWS", 1)
    for number in (9, 10):
        HourlyKeyUsage.objects.create(organization=organization, api_key=key, hour=hour(number))
    query = {"group_by": "key", "from": text(hour(9)), "to": text(hour(11))}

    response = client.get(URL, query)

    assert (response.status_code, response.json()["code"]) == (400, "result_too_large")


@pytest.mark.usefixtures("monday")
def test_another_organization_sees_nothing_of_it(api_as, stan, key):
    query = {"from": text(hour(9)), "to": text(hour(12)), "measures": "calls"}
    client = api_as(stan)

    assert client.get(URL, query).json()["totals"] == {"calls": 0}
    assert client.get(URL, {**query, "key_id": str(key.pk)}).json()["totals"] == {"calls": 0}
    foreign = client.get(URL, query, headers={"X-Organization-Id": str(key.organization_id)})
    assert foreign.status_code == 404


def test_nobody_sees_nothing(api):
    assert api.get(URL).status_code == 401
    assert api.get("/api/v1/api-keys/1/usage").status_code == 401
    assert api.get("/api/v1/analytics/real-time").status_code == 401


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_usage_is_only_read(client, key, method):
    for url in (URL, f"/api/v1/api-keys/{key.pk}/usage", "/api/v1/analytics/real-time"):
        assert getattr(client, method)(url).status_code == 405


def test_the_number_of_queries_is_fixed(client, organization, key):
    counts = []
    for calls in (1, 20):
        for number in range(calls):
            HourlyKeyUsage.objects.create(
                organization=organization, api_key=key, hour=hour(number, day=calls)
            )
        with CaptureQueriesContext(connection) as queries:
            client.get(URL, {"group_by": "key", "from": text(hour(0)), "to": text(hour(0, day=30))})
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 4


def test_a_chart_reads_no_single_call(client, django_assert_num_queries):
    with CaptureQueriesContext(connection) as queries:
        client.get(URL)

    assert not any("apiusagelog" in query["sql"] for query in queries)


def test_organizations_of_one_person_are_kept_apart(
    api_as, olivia, organization: Organization, key
):
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    HourlyUsage.objects.create(organization=organization, hour=now, calls=3, allowed=3)
    HourlyUsage.objects.create(organization_id=organization.pk + 1, hour=now, calls=500)

    assert api_as(olivia).get(URL).json()["totals"]["calls"] == 3
