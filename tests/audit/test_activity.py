"""GET /api/v1/users/me/activity and its page: one's own entries, and nothing of others."""

import pytest

from accounts.services import profile, suspension
from audit.models import AuditLog
from config.common import context

URL = "/api/v1/users/me/activity"


@pytest.fixture
def client(api_as, olivia):
    return api_as(olivia)


def did(client):
    return [row["event"] for row in client.get(URL, {"limit": 200}).json()["data"]]


def test_lists_what_one_did(client, olivia):
    client.patch("/api/v1/users/me", {"time_zone": "Asia/Tokyo"}, headers={"User-Agent": "curl/8"})

    newest = client.get(URL).json()["data"][0]

    assert newest == {
        "id": AuditLog.objects.latest("id").pk,
        "event": "user.updated",
        "summary": f"profile of user {olivia.pk} changed",
        "by_me": True,
        "by": "you",
        "organization_id": None,
        "ip": "127.0.0.1",
        "user_agent": "curl/8",
        "request_id": AuditLog.objects.latest("id").request_id,
        "occurred_at": newest["occurred_at"],
    }


def test_shows_what_others_did_to_one_but_not_from_where(client, olivia, sam):
    facts = context.Context(
        request_id="staff-request", actor=sam.as_actor(), ip="198.51.100.9", user_agent="Staff"
    )
    with context.use(facts):
        profile.update_profile(user=olivia, changes={"time_zone": "Asia/Tokyo"})

    newest = client.get(URL).json()["data"][0]

    assert (newest["event"], newest["by_me"]) == ("user.updated", False)
    assert (newest["ip"], newest["user_agent"], newest["request_id"]) == (None, None, None)


def test_shows_nothing_of_others(client, api_as, stan, mia):
    api_as(stan).patch("/api/v1/users/me", {"time_zone": "Asia/Tokyo"})
    suspension.suspend(user=mia, reason="abuse")

    assert {"user.updated", "user.suspended"} & set(did(client)) == set()


def test_pages_without_gap(client, olivia):
    for number in range(5):
        profile.update_profile(user=olivia, changes={"full_name": f"Olivia {number}"})

    page = client.get(URL, {"limit": 2}).json()
    seen = [row["id"] for row in page["data"]]
    while page["has_more"]:
        page = client.get(URL, {"limit": 2, "cursor": page["next_cursor"]}).json()
        seen += [row["id"] for row in page["data"]]

    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == len(did(client))


@pytest.mark.parametrize("count", [1, 20])
def test_costs_two_queries(client, olivia, django_assert_num_queries, count):
    for number in range(count):
        profile.update_profile(user=olivia, changes={"full_name": f"Olivia {number}"})

    with django_assert_num_queries(2):
        assert client.get(URL).status_code == 200


def test_nobody_has_none(api):
    assert api.get(URL).status_code == 401


def test_the_page_shows_it(portal_as, olivia, stan):
    profile.update_profile(user=stan, changes={"full_name": "Stan Secret"})

    page = portal_as(olivia).get("/activity/").content.decode()

    assert f"{olivia.email} signed in" in page
    assert f"user {stan.pk}" not in page


def test_the_page_pages(portal_as, olivia):
    for number in range(60):
        profile.update_profile(user=olivia, changes={"full_name": f"Olivia {number}"})
    browser = portal_as(olivia)

    first = browser.get("/activity/")
    second = browser.get(f"/activity/{first.context['page']['next_url']}")

    assert len(first.context["entries"]) == 50
    assert 0 < len(second.context["entries"]) < 50
