"""Days of usage begin and end where a time zone has them, however long clocks make them."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from analytics.models import DailyUsage
from tests.analytics.sums import hour, text, used

URL = "/api/v1/analytics/usage"


@pytest.fixture
def client(api_as, vera):
    return api_as(vera)


@pytest.mark.usefixtures("monday")
def test_days_in_utc_come_from_the_daily_sums(client, organization):
    DailyUsage.objects.create(organization=organization, day=date(2026, 3, 2), calls=14)

    response = client.get(URL, {"measures": "calls", "from": "2026-03-01", "to": "2026-03-04"})

    assert response.json()["granularity"] == "hour"
    response = client.get(
        URL,
        {"measures": "calls", "granularity": "day", "from": "2026-03-01", "to": "2026-03-04"},
    )
    assert response.json()["data"] == [
        {"bucket": "2026-03-01T00:00:00Z", "calls": 0},
        {"bucket": "2026-03-02T00:00:00Z", "calls": 14},
        {"bucket": "2026-03-03T00:00:00Z", "calls": 0},
    ]
    assert response.json()["totals"] == {"calls": 14}


def test_days_begin_where_the_time_zone_has_midnight(client, key):
    used(key, hour(22), calls=1)  # 23:00 in Berlin
    used(key, hour(23), calls=2)  # midnight in Berlin
    query = {
        "measures": "calls",
        "granularity": "day",
        "time_zone": "Europe/Berlin",
        "from": "2026-03-02",
        "to": "2026-03-04",
    }

    response = client.get(URL, query)

    assert response.json()["data"] == [
        {"bucket": "2026-03-01T23:00:00Z", "calls": 1},
        {"bucket": "2026-03-02T23:00:00Z", "calls": 2},
    ]
    assert response.json()["time_zone"] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("first", "last", "lengths"),
    [("2026-03-28", "2026-03-31", [24, 23, 24]), ("2026-10-24", "2026-10-27", [24, 25, 24])],
)
def test_days_are_as_long_as_clocks_make_them(client, first, last, lengths):
    query = {"granularity": "day", "time_zone": "Europe/Berlin", "from": first, "to": last}

    answer = client.get(URL, query).json()

    edges = [datetime.fromisoformat(row["bucket"]) for row in answer["data"]]
    edges.append(datetime.fromisoformat(answer["ends_at"]))
    assert [(b - a).total_seconds() / 3600 for a, b in pairwise(edges)] == lengths


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("America/Havana", datetime(2026, 11, 1, 4, tzinfo=UTC)),
        ("Atlantic/Azores", datetime(2026, 10, 25, 0, tzinfo=UTC)),
        # Where clocks skip midnight the day begins an hour later.
        ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),
        ("Asia/Beirut", datetime(2026, 3, 28, 22, tzinfo=UTC)),
    ],
)
def test_a_day_whose_midnight_comes_twice_or_never_is_one_day(client, key, zone, midnight):
    for number in range(-2, 27):
        used(key, midnight + timedelta(hours=number), calls=1)
    query = {
        "granularity": "day",
        "time_zone": zone,
        "measures": "calls",
        "from": text(midnight - timedelta(hours=2)),
        "to": text(midnight + timedelta(hours=27)),
    }

    rows = client.get(URL, query).json()["data"]
    by_key = client.get(URL, {**query, "group_by": "key"}).json()["data"]

    length = (datetime.fromisoformat(rows[2]["bucket"]) - midnight) // timedelta(hours=1)
    assert rows[1]["bucket"] == text(midnight)
    assert [row["calls"] for row in rows] == [2, length, 27 - length]
    assert [(row["bucket"], row["calls"]) for row in by_key] == [
        (row["bucket"], row["calls"]) for row in rows
    ]


@pytest.mark.parametrize(("zone", "midnight"), [("CET", 22), ("MET", 22), ("EET", 21), ("WET", 23)])
def test_zones_with_summer_time_have_it_under_short_names(client, key, zone, midnight):
    for number in range(48):
        used(key, datetime(2026, 7, 1, tzinfo=UTC) + timedelta(hours=number), calls=1)
    query = {
        "granularity": "day",
        "time_zone": zone,
        "measures": "calls",
        "from": "2026-07-01T00:00:00Z",
        "to": "2026-07-03T00:00:00Z",
    }

    rows = client.get(URL, query).json()["data"]

    assert [row["calls"] for row in rows] == [midnight, 24, 24 - midnight]
    assert rows[1]["bucket"] == f"2026-07-01T{midnight}:00:00Z"


def test_a_half_hour_zone_counts_every_hour_once(client, key):
    for number in range(48):
        used(key, hour(number), calls=1)
    query = {
        "measures": "calls",
        "granularity": "day",
        "time_zone": "Asia/Kolkata",
        "from": text(hour(0)),
        "to": text(hour(48)),
    }

    answer = client.get(URL, query).json()

    assert answer["totals"] == {"calls": 48}
    assert [row["calls"] for row in answer["data"]] == [19, 24, 5]


@pytest.mark.parametrize(
    ("zone", "now", "begins"),
    [
        # In the hour that comes twice it is the same day still.
        ("America/Havana", "2026-11-01T05:30:00Z", "2026-11-01T04:00:00Z"),
        ("Africa/Cairo", "2026-04-23T23:30:00Z", "2026-04-23T22:00:00Z"),
        # Usage is kept by hours of UTC: a day begins with the first that begins in it.
        ("Asia/Kathmandu", "2026-03-02T12:30:00Z", "2026-03-01T19:00:00Z"),
        ("Pacific/Chatham", "2026-03-02T12:30:00Z", "2026-03-02T11:00:00Z"),
        ("Australia/Lord_Howe", "2026-07-01T20:30:00Z", "2026-07-01T14:00:00Z"),
    ],
)
def test_today_is_the_same_day_in_figures_and_in_charts(
    portal_as, vera, key, clock, zone, now, begins
):
    clock.move_to(datetime.fromisoformat(now))
    vera.time_zone = zone
    vera.save()
    today = datetime.fromisoformat(begins)
    used(key, today - timedelta(hours=1), calls=2)
    used(key, today, calls=3)
    portal = portal_as(vera)

    totals = portal.get("/overview/").context["totals"]
    chart = portal.get("/usage/data/?range=30d").json()

    assert totals["calls_today"] == 3
    assert chart["series"][0]["values"][-2:] == [2, 3]


def test_a_day_that_a_zone_left_out_is_no_day(client):
    # Samoa went from the 29th of December to the 31st.
    query = {
        "granularity": "day",
        "time_zone": "Pacific/Apia",
        "measures": "calls",
        "from": "2011-12-29T00:00:00",
        "to": "2012-01-01T00:00:00",
    }

    rows = client.get(URL, query).json()["data"]

    assert [row["bucket"] for row in rows] == ["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"]
