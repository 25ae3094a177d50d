"""Overview, usage and requests: what the portal shows, to whom, with how many queries."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.metering.tallies import Report
from analytics.selectors import calls, pages, usage
from analytics.selectors import keys as key_names
from analytics.services import ingest, outcomes
from apikeys.models import KeyActivity, KeyUsage
from tests.analytics.pen import event, new_key, request_id, write

pytestmark = pytest.mark.django_db
PAGES = ["/overview/", "/usage/", "/usage/data/", "/requests/"]


@pytest.fixture
def page(portal_as, vera):
    return portal_as(vera)


def used(key, count: int = 1, **changes) -> list[str]:
    ids = [request_id() for _ in range(count)]
    write(*(event(key, request_id=each, **changes) for each in ids))
    ingest.drain()
    return ids


@pytest.mark.parametrize("url", [*PAGES, "/live/ticket/"])
def test_pages_need_a_sign_in(portal, url):
    response = portal.post(url) if "ticket" in url else portal.get(url)

    assert response.status_code == 302
    assert response["Location"].startswith(settings.LOGIN_URL)


@pytest.mark.parametrize("url", PAGES)
def test_pages_are_only_read(page, url):
    assert page.post(url).status_code == 405


def test_overview_of_a_newcomer(portal_as, olivia):
    context = portal_as(olivia).get("/overview/").context

    assert context["first_key"] is True
    assert context["keys_count"] == 0
    assert [(step["label"], step["done"]) for step in context["steps"]] == [
        ("Verify your e-mail address", True),
        ("Create an API key", False),
        ("Make your first call", False),
    ]
    # The next step only: a first call takes a key.
    assert [bool(step["url"]) for step in context["steps"]] == [True, True, False]
    assert context["recent"] == []


def test_overview_leads_who_is_not_verified_to_that_first(portal_as, organization, olivia):
    olivia.email_verified_at = None
    olivia.save()

    steps = portal_as(olivia).get("/overview/").context["steps"]

    assert [(step["done"], step["url"]) for step in steps] == [
        (False, "/verify-email-resend/"),
        (False, ""),
        (False, ""),
    ]


def test_overview_leads_who_has_a_key_to_the_first_call(page, key):
    steps = page.get("/overview/").context["steps"]

    assert [(step["done"], step["url"]) for step in steps][1:] == [(True, ""), (False, "/keys/")]


def test_overview_offers_a_viewer_no_key_to_create(page):
    context = page.get("/overview/").context

    assert context["steps"][1]["url"] == ""


def test_overview_shows_today_month_quota_and_the_newest_calls(page, organization, key):
    organization.quota_limit = 1_000
    organization.save()
    passed = used(key, 3, units=2, path="/v1/passed")
    used(key, 1, outcome="RATE_LIMITED")
    at_ms = int(datetime.now(UTC).timestamp() * 1000)
    outcomes.apply_reports([Report(each, at_ms, 200, 40, 1, 1) for each in passed])

    response = page.get("/overview/")

    context = response.context
    assert context["totals"] == {
        "calls_today": 4,
        "errors_today": 1,
        "p95_ms": 40,
        "calls_month": 4,
    }
    assert (context["quota"].used, context["quota"].limit) == (6, 1_000)
    assert context["quota"].resets_at > datetime.now(UTC)
    assert context["steps"] == []
    assert context["first_key"] is False
    assert len(context["recent"]) == 4
    assert "/v1/passed" in response.content.decode()


def test_today_begins_at_midnight_of_the_person(portal_as, vera, key, clock):
    midnight_in_tokyo = datetime(2026, 3, 1, 15, tzinfo=UTC)
    for at in (midnight_in_tokyo - timedelta(minutes=1), midnight_in_tokyo):
        write(event(key, at_ms=int(at.timestamp() * 1000)))
    ingest.drain()
    vera.time_zone = "Asia/Tokyo"
    vera.save()

    totals = portal_as(vera).get("/overview/").context["totals"]

    assert (totals["calls_today"], totals["calls_month"]) == (1, 2)


def test_no_quota_is_none(page, organization):
    assert organization.quota_limit is None
    context = page.get("/overview/").context

    assert context["quota"] is None or context["quota"].limit > 0


def test_usage_by_key_and_route(page, organization, key):
    other = new_key(organization, name="Staging")
    used(key, 2, path="/v1/a/1", units=5)
    used(other, 3, path="/v1/b")
    used(other, 1, path="/v1/b", outcome="EXPIRED")

    context = page.get("/usage/").context

    totals = {name: context["totals"][name] for name in ("calls", "errors", "units", "p95_ms")}
    assert totals == {"calls": 6, "errors": 1, "units": 13, "p95_ms": None}
    rows = [
        (row["key"].name, row["calls"], row["errors"], row["units"]) for row in context["by_key"]
    ]
    assert rows == [("Staging", 4, 1, 3), ("Production", 2, 0, 10)]
    routes = [(row["method"], row["route"], row["calls"]) for row in context["by_route"]]
    assert routes == [("GET", "/v1/b", 4), ("GET", "/v1/a/{id}", 2)]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({}, "No requests yet"),
        ({"key": "{pk}"}, "No calls with this key yet"),
        ({"key": "{pk}", "path": "/v1"}, "No request matches"),
        ({"key": "nobody's"}, "No request matches"),
        ({"path": "/v1"}, "No request matches"),
    ],
)
def test_an_empty_list_says_what_is_missing(page, key, query, told):
    asked = {name: value.format(pk=key.pk) for name, value in query.items()}

    shown = page.get("/requests/", asked).content.decode()

    titles = ("No requests yet", "No calls with this key yet", "No request matches")
    assert [title for title in titles if title in shown] == [told]


def test_of_many_keys_and_routes_the_busiest_are_shown(page, organization, key, monkeypatch):
    for number in range(1, 4):
        used(
            new_key(organization, name=f"Key {number}"), number, path=f"/things/of/{'abc'[:number]}"
        )
    monkeypatch.setattr(usage, "MAX_ROWS", 1)
    monkeypatch.setattr(pages, "_LISTED", 2)

    answer = page.get("/usage/", {"range": "24h"})

    assert answer.status_code == 200
    assert [(row["key"].name, row["calls"]) for row in answer.context["by_key"]] == [
        ("Key 3", 3),
        ("Key 2", 2),
    ]
    assert [(row["route"], row["calls"]) for row in answer.context["by_route"]] == [
        ("/things/of/abc", 3),
        ("/things/of/ab", 2),
    ]


def test_usage_by_route_says_which_time_it_counts(page):
    assert "whole days, in UTC" in page.get("/usage/").content.decode()


def test_usage_of_one_key_only(page, organization, key):
    other = new_key(organization)
    used(key, 2)
    used(other, 3)

    context = page.get("/usage/", {"key": key.pk, "range": "7d"}).context

    assert context["totals"]["calls"] == 2
    assert len(context["by_key"]) == 1
    assert context["series_url"] == f"/usage/data/?key={key.pk}&range=7d"
    assert sum(page.get(context["series_url"]).json()["series"][0]["values"]) == 2


def test_a_key_that_is_gone_keeps_its_usage(page, key):
    used(key, 2)
    key.delete()

    (row,) = page.get("/usage/").context["by_key"]

    assert (row["key"], row["calls"]) == ({"name": "Deleted key"}, 2)


@pytest.mark.parametrize(
    ("query", "points"),
    [
        ({}, 24),
        ({"range": "24h"}, 24),
        ({"range": "30d"}, 30),
        ({"range": "365d", "granularity": "hour"}, 365),
        ({"range": "7d", "granularity": "day"}, 7),
        ({"range": "nonsense", "granularity": "minute"}, 24),
        ({"key": "production"}, 24),
    ],
)
def test_chart_data(page, key, query, points):
    used(key, 2)

    chart = page.get("/usage/data/", query).json()

    assert len(chart["at"]) == points
    assert [series["label"] for series in chart["series"]] == ["Calls", "Errors"]
    assert sum(chart["series"][0]["values"]) == 2


def test_requests_are_paged_newest_first(page, key):
    now = datetime.now(UTC)
    write(
        *(
            event(key, path=f"/v1/{n}", at_ms=int((now - timedelta(minutes=n)).timestamp() * 1000))
            for n in range(60)
        )
    )
    ingest.drain()

    first = page.get("/requests/").context
    second = page.get(f"/requests/{first['page']['next_url']}").context
    back = page.get(f"/requests/{second['page']['prev_url']}").context

    assert [call.path for call in first["calls"]] == [f"/v1/{n}" for n in range(50)]
    assert [call.path for call in second["calls"]] == [f"/v1/{n}" for n in range(50, 60)]
    assert first["page"]["prev_url"] is None
    assert second["page"]["next_url"] is None
    assert list(back["calls"]) == list(first["calls"])


def test_requests_are_found_by_id_key_path_and_outcome(page, organization, key):
    other = new_key(organization)
    (one,) = used(key, path="/v1/orders/7")
    (two,) = used(key, path="/v1/refunds", outcome="EXPIRED")
    (three,) = used(other, path="/v1/orders/8")

    def found(**query) -> set[str]:
        return {call.request_id for call in page.get("/requests/", query).context["calls"]}

    assert found() == {one, two, three}
    assert found(request_id=two) == {two}
    assert found(key=key.pk) == {one, two}
    assert found(path="orders") == {one, three}
    assert found(outcome="EXPIRED") == {two}
    assert found(outcome="EXPIRED", path="orders") == set()
    assert page.get("/requests/", {"key": "x\x00y"}).status_code == 400


def test_a_search_ends_after_the_newest_calls(page, key, monkeypatch):
    monkeypatch.setattr(calls, "SEARCHED", 5)
    now = datetime.now(UTC)
    for n, path in ((20, "/old"), *((n, "/new") for n in range(10))):
        write(event(key, path=path, at_ms=int((now - timedelta(minutes=n)).timestamp() * 1000)))
    ingest.drain()

    assert not page.get("/requests/", {"path": "/old"}).context["calls"]
    assert len(page.get("/requests/", {"path": "/new"}).context["calls"]) == 6


def test_strangers_see_nothing_of_it(portal_as, stan, key):
    (call,) = used(key)
    page = portal_as(stan)

    assert page.get("/overview/").context["totals"]["calls_today"] == 0
    assert page.get("/usage/", {"key": key.pk}).context["totals"]["calls"] == 0
    assert sum(page.get("/usage/data/").json()["series"][0]["values"]) == 0
    for query in ({}, {"request_id": call}, {"key": key.pk}):
        assert page.get("/requests/", query).context["calls"] == []


@pytest.mark.parametrize("url", PAGES)
def test_the_number_of_queries_is_fixed(page, key, url):
    counts = []
    for calls_made in (1, 20):
        used(key, calls_made)
        page.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert page.get(url).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 16


def test_quota_counts_from_the_lasting_sums(page, organization, key):
    organization.quota_limit = 10
    organization.save()
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    KeyUsage.objects.create(api_key=key, organization=organization, hour=hour, calls=1, units=7)

    assert page.get("/overview/").context["quota"].used == 7


@pytest.mark.parametrize("url", ["/requests/", "/usage/"])
def test_a_link_by_id_shows_the_label_of_its_key(page, organization, url):
    key = new_key(organization, name="Checkout")
    used(key)

    text = page.get(url, {"key": key.pk}).content.decode()

    assert f'value="{key}" placeholder' in text or f'name="key" value="{key}"' in text


@pytest.fixture
def of_two_shops(organization, key):
    """Make three keys, two of which have names alike, and call with each."""
    names = ("Shop A", "shop b", "Office")
    return {name: used(new_key(organization, name=name), 1, path=f"/{name}")[0] for name in names}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SHOP", {"Shop A", "shop b"}),
        ("shop b (tg_", {"shop b"}),
        ("nothing like it", set()),
        ("999999999999999999999999", set()),
    ],
)
def test_keys_are_found_by_what_their_label_contains(page, of_two_shops, text, found):
    calls = page.get("/requests/", {"key": text}).context["calls"]
    usage = page.get("/usage/", {"key": text}).context

    assert {call.request_id for call in calls} == {of_two_shops[name] for name in found}
    assert {row["key"].name for row in usage["by_key"]} == found
    assert usage["totals"]["calls"] == len(found)


def test_several_keys_are_looked_for_among_the_newest_calls(page, organization, monkeypatch):
    monkeypatch.setattr(calls, "SEARCHED", 3)
    names = ("Shop A", "Shop B", "Office", "Office", "Office")
    now = datetime.now(UTC)
    for n, name in enumerate(reversed(names)):
        at_ms = int((now - timedelta(minutes=n)).timestamp() * 1000)
        used(new_key(organization, name=name), at_ms=at_ms)

    shown = page.get("/requests/", {"key": "Shop"}).context["calls"]

    assert [call.api_key.name for call in shown] == ["Shop B"]


def test_only_the_keys_used_last_are_suggested(page, organization, monkeypatch):
    monkeypatch.setattr(key_names, "_SUGGESTED", 2)
    older, newer, unused = (new_key(organization, name=name) for name in ("Older", "Newer", "No"))
    now = datetime.now(UTC)
    for key, ago in ((older, 2), (newer, 1)):
        at = now - timedelta(hours=ago)
        KeyActivity.objects.create(api_key=key, first_used_at=at, last_used_at=at)

    for url in ("/requests/", "/usage/"):
        response = page.get(url)
        assert response.context["suggested_keys"] == [newer, older]
        assert f'<option value="{newer}"></option>' in response.content.decode()
        assert str(unused) not in response.content.decode()


def test_routes_of_one_key_are_not_counted_which_is_said(page, organization):
    key = new_key(organization)
    used(key)

    assert "Not counted by key" in page.get(f"/usage/?key={key.pk}").content.decode()
    assert "Not counted by key" not in page.get("/usage/").content.decode()


def test_a_chart_has_the_time_zone_in_which_its_days_were_cut(portal_as, vera):
    vera.time_zone = "America/Lima"
    vera.save()

    assert 'data-zone="America/Lima"' in portal_as(vera).get("/usage/").content.decode()
