"""The pages on which keys are listed and looked at."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse
from django.utils import timezone

from apikeys.models import KeyActivity, KeyUsage, Secret
from apikeys.selectors import KeyUse
from billing.services import subscriptions
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db

LIST = "/keys/"
CREATE = "/keys/create/"


def page(name, key):
    """Return the path of one of a key's pages."""
    return reverse(f"apikeys:key-{name}", args=[key.pk])


def test_the_list_shows_the_newest_first(portal_as, olivia, organization):
    made = ApiKeyFactory.create_batch(3, organization=organization)

    answer = portal_as(olivia).get(LIST)

    assert answer.status_code == 200
    assert [row.pk for row in answer.context["keys"]] == [key.pk for key in reversed(made)]
    assert all(key.secret not in answer.content.decode() for key in made)


def test_the_list_of_nobody_asks_to_sign_in(portal, key):
    answer = portal.get(LIST)

    assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={LIST}")


def test_the_list_is_filtered(portal_as, olivia, organization):
    ApiKeyFactory.create(organization=organization, name="Checkout")
    ApiKeyFactory.create(organization=organization, name="Search", environment="test")
    browser = portal_as(olivia)

    def names(**query):
        return [row.name for row in browser.get(LIST, query).context["keys"]]

    assert names(q="check") == ["Checkout"]
    assert names(environment="test", status="active") == ["Search"]
    assert names(q="check", environment="test") == []
    assert names(q="", status="", environment="") == ["Search", "Checkout"]
    assert browser.get(LIST, {"q": "\x00"}).status_code == 400


def test_the_list_is_paged_within_its_filters(portal_as, olivia, organization):
    subscriptions.change_plan(organization=organization, plan_code="BASIC")
    ApiKeyFactory.create_batch(30, organization=organization)
    browser = portal_as(olivia)

    first = browser.get(LIST, {"environment": "live", "q": ""})
    second = browser.get(LIST + first.context["page"]["next_url"])
    back = browser.get(LIST + second.context["page"]["prev_url"])

    ids = [[row.pk for row in answer.context["keys"]] for answer in (first, second, back)]
    assert [len(rows) for rows in ids] == [25, 5, 25]
    assert not set(ids[0]) & set(ids[1])
    assert ids[2] == ids[0]
    assert first.context["page"]["prev_url"] is None
    assert second.context["page"]["next_url"] is None
    assert parse_qs(urlsplit(first.context["page"]["next_url"]).query)["environment"] == ["live"]


def test_a_forged_cursor_is_refused(portal_as, olivia):
    browser = {"Accept": "text/html"}

    refused = portal_as(olivia).get(LIST, {"cursor": "forged"}, headers=browser)

    assert refused.status_code == 400
    assert "Open the list from its beginning." in refused.content.decode()
    assert "next_cursor" not in refused.content.decode()


def test_the_list_takes_as_many_queries_for_twenty_rows_as_for_one(
    portal_as, olivia, organization, django_assert_max_num_queries
):
    subscriptions.change_plan(organization=organization, plan_code="BASIC")
    browser = portal_as(olivia)
    ApiKeyFactory.create(organization=organization)
    with django_assert_max_num_queries(10) as few:
        assert len(browser.get(LIST).context["keys"]) == 1
    ApiKeyFactory.create_batch(19, organization=organization)

    with django_assert_max_num_queries(10) as many:
        assert len(browser.get(LIST).context["keys"]) == 20

    assert len(many) == len(few)


@pytest.mark.parametrize("name", ["edit", "rotate", "revoke"])
def test_viewers_look_but_change_nothing(portal_as, vera, key, name):
    browser = portal_as(vera)

    assert browser.get(LIST).context["can_write"] is False
    assert browser.get(page("detail", key)).context["can_write"] is False
    for path in (CREATE, page(name, key)):
        assert browser.get(path).status_code == 403
        assert browser.post(path, {"name": "Mine", "overlap_seconds": "0"}).status_code == 403
    key.refresh_from_db()
    assert (key.name, key.status) == ("Checkout", "active")
    assert Secret.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "to_post"),
    [("detail", 405), ("edit", 404), ("rotate", 404), ("revoke", 404), ("first-call", 405)],
)
def test_a_foreign_key_is_like_a_missing_one(portal_as, stan, key, name, to_post):
    browser = portal_as(stan)
    missing = reverse(f"apikeys:key-{name}", args=[999_999])

    for method, status in ((browser.get, 404), (browser.post, to_post)):
        answers = [method(path, {"overlap_seconds": "0"}) for path in (page(name, key), missing)]
        assert [answer.status_code for answer in answers] == [status, status]
    key.refresh_from_db()
    assert key.status == "active"


def test_the_detail_page_shows_what_was_used(portal_as, olivia, organization, clock):
    key = ApiKeyFactory.create(organization=organization, quota_limit=100, quota_period="day")
    now = timezone.now()
    midnight = now.hour
    for hours, calls in ((0, 5), (midnight, 7), (midnight + 1, 11), (24 * 30, 13)):
        KeyUsage.objects.create(
            api_key=key,
            organization=organization,
            hour=now - timedelta(hours=hours),
            calls=calls,
            units=2 * calls,
        )

    answer = portal_as(olivia).get(page("detail", key))

    assert answer.context["usage"] == KeyUse(
        calls_today=12, calls_month=23, quota_limit=100, quota_used=24
    )
    assert f'data-src="/usage/data/?key={key.pk}"' in answer.content.decode()


def test_the_detail_page_shows_what_is_left_of_credits(
    portal_as, olivia, organization, redis_client
):
    key = ApiKeyFactory.create(
        organization=organization, credits_micro=10_500_000, credits_refill="daily"
    )
    browser = portal_as(olivia)
    before = browser.get(page("detail", key)).context["usage"].credits_left_micro
    (counter,) = redis_client.keys(f"*c:{key.pk}:*")
    redis_client.set(counter, 3_250_000, keepttl=True)

    answer = browser.get(page("detail", key))

    assert (before, answer.context["usage"].credits_left_micro) == (10_500_000, 7_250_000)
    shown = " ".join(answer.content.decode().split())
    assert "<dt>Credits left</dt> <dd>7.25</dd>" in shown
    assert "<dt>Credits</dt><dd>10.5, filled up again: daily</dd>" in shown
    assert int(redis_client.get(counter)) == 3_250_000


def test_without_redis_nobody_says_what_is_left_of_credits(
    portal_as, olivia, organization, settings
):
    key = ApiKeyFactory.create(organization=organization, credits_micro=10_500_000)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    answer = portal_as(olivia).get(page("detail", key))

    assert answer.status_code == 200
    assert answer.context["usage"].credits_left_micro is None


def test_a_quota_per_billing_period_is_counted_from_the_subscription(
    portal_as, olivia, organization, clock
):
    key = ApiKeyFactory.create(organization=organization, quota_limit=100, quota_period="billing")
    organization.subscriptions.update(anchor_at=timezone.now() - timedelta(days=2))
    for days, units in ((1, 3), (3, 50)):
        hour = timezone.now() - timedelta(days=days)
        KeyUsage.objects.create(
            api_key=key, organization=organization, hour=hour, calls=1, units=units
        )

    usage = portal_as(olivia).get(page("detail", key)).context["usage"]

    assert (usage.quota_used, usage.calls_month) == (3, 1)


def test_the_first_call_is_waited_for(portal_as, vera, key, clock):
    browser = portal_as(vera)

    before = browser.get(page("first-call", key))
    at = timezone.now()
    KeyActivity.objects.create(api_key=key, first_used_at=at, last_used_at=at)
    after = browser.get(page("first-call", key))

    assert before.json() == {"received": False, "at": None}
    assert after.json() == {"received": True, "at": "2026-03-02T09:00:00+00:00"}
    assert "no-store" in after["Cache-Control"]


def test_after_a_rotation_an_older_call_does_not_count(portal_as, olivia, key, clock):
    at = timezone.now()
    activity = KeyActivity.objects.create(api_key=key, first_used_at=at, last_used_at=at)
    clock.shift(60)
    browser = portal_as(olivia)
    shown = browser.post(page("rotate", key), {"overlap_seconds": "0"})
    url = shown.context["first_call_url"]

    assert "Waiting for a call with the new secret" in shown.content.decode()
    assert browser.get(url).json()["received"] is False
    clock.shift(5)
    activity.last_used_at = timezone.now()
    activity.save()

    assert browser.get(url).json()["received"] is True


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 400, "1e9"])
def test_an_odd_moment_to_wait_from_is_none(portal_as, olivia, key, after):
    answer = portal_as(olivia).get(page("first-call", key), {"after": after})

    assert (answer.status_code, answer.json()["received"]) == (200, False)
