"""What people are told in the portal: once, to the right people, counted, read, forgotten in the end."""

import asyncio
from datetime import timedelta

import pytest
from channels.layers import get_channel_layer
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import realtime
from accounts.models import Notice, User
from accounts.services import deletions, notices, upkeep
from tests import race
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/users/me/notices"


def tell(*people, title="Hello", **values):
    notices.notify(users=people, kind="broadcast.sent", title=title, **values)


def titles(client, query=""):
    response = client.get(URL + query)
    assert response.status_code == 200
    return [row["title"] for row in response.json()["data"]]


def test_is_listed_newest_first(api_as, olivia, mia):
    tell(olivia, mia, title="One")
    tell(olivia, title="Two", body="More.", link="/usage/")

    listed = api_as(olivia).get(URL).json()["data"]

    assert [row["title"] for row in listed] == ["Two", "One"]
    assert listed[0] | {"id": 0, "created_at": ""} == {
        "id": 0,
        "kind": "broadcast.sent",
        "title": "Two",
        "body": "More.",
        "link": "/usage/",
        "created_at": "",
        "read_at": None,
    }
    assert titles(api_as(mia)) == ["One"]


def test_a_key_makes_it_once_per_person(olivia, mia):
    tell(olivia, dedup_key="quota:80:2026-03")
    tell(olivia, mia, dedup_key="quota:80:2026-03")
    tell(olivia, dedup_key="quota:100:2026-03")
    tell(olivia)
    tell(olivia)

    assert Notice.objects.filter(user=olivia).count() == 4
    assert Notice.objects.filter(user=mia).count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_tell_at_once_and_the_person_is_told_once():
    person = UserFactory.create()

    outcomes = race.together(8, lambda _: tell(person, dedup_key="once"))

    assert outcomes == [None] * 8
    assert Notice.objects.count() == 1


def test_tells_whom_it_is_given_by_id_and_nobody_twice(olivia):
    tell(olivia.pk, olivia, 8_000_000_000_000)

    assert list(Notice.objects.values_list("user_id", flat=True)) == [olivia.pk]


def test_tells_nobody_who_closed_the_account(olivia):
    User.objects.filter(pk=olivia.pk).update(status="DELETED")

    tell(olivia)

    assert not Notice.objects.exists()


def test_goes_with_the_transaction_of_its_cause(olivia):
    with transaction.atomic():
        tell(olivia)
        transaction.set_rollback(True)

    assert not Notice.objects.exists()


@pytest.mark.parametrize("kind", ["", "Broadcast", "a..b", "a b", ".a", "a\n"])
def test_refuses_a_kind_that_is_no_name(olivia, kind):
    with pytest.raises(ValueError, match="kind of a notice"):
        notices.notify(users=[olivia], kind=kind, title="Hello")

    assert not Notice.objects.exists()


@pytest.mark.parametrize("link", ["https://evil.example", "//evil.example", "/\\evil.example", "x"])
def test_links_lead_to_our_own_pages_only(olivia, link):
    with pytest.raises(IntegrityError), transaction.atomic():
        tell(olivia, link=link)

    assert not Notice.objects.exists()


def test_long_words_are_cut(olivia):
    tell(olivia, title="t" * 151, body="b" * 2000)

    notice = Notice.objects.get()
    assert notice.title == "t" * 149 + "…"
    assert notice.body == "b" * 2000


def test_filters_by_unread_and_kind(api_as, olivia):
    tell(olivia, title="Read")
    Notice.objects.update(read_at=timezone.now())
    tell(olivia, title="New")
    notices.notify(users=[olivia], kind="api_key.expiring", title="Key")
    client = api_as(olivia)

    assert titles(client, "?unread=true") == ["Key", "New"]
    assert titles(client, "?unread=false") == ["Read"]
    assert titles(client, "?kind=api_key.expiring") == ["Key"]
    assert client.get(f"{URL}?kind=No").status_code == 400
    assert client.get(f"{URL}?read=true").status_code == 400


def test_counts_what_is_unread(api_as, olivia, mia):
    tell(olivia, mia)
    tell(olivia)
    client = api_as(olivia)

    assert client.get(f"{URL}/unread").json() == {"unread": 2}
    assert api_as(mia).get(f"{URL}/unread").json() == {"unread": 1}


def test_counts_no_further_than_a_hundred(api_as, olivia):
    Notice.objects.bulk_create(Notice(user=olivia, kind="x", title="x") for _ in range(120))

    assert api_as(olivia).get(f"{URL}/unread").json() == {"unread": 100}


def test_marks_one_as_read_once(clock, api_as, olivia):
    tell(olivia)
    notice = Notice.objects.get()
    client = api_as(olivia)

    first = client.post(f"{URL}/{notice.pk}/read")
    clock.shift(60)
    second = client.post(f"{URL}/{notice.pk}/read")

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["read_at"] == second.json()["read_at"] == "2026-03-02T09:00:00Z"


def test_somebody_elses_is_missing(api_as, olivia, mia):
    tell(mia)
    notice = Notice.objects.get()

    response = api_as(olivia).post(f"{URL}/{notice.pk}/read")

    assert response.status_code == 404
    notice.refresh_from_db()
    assert notice.read_at is None


def test_marks_all_up_to_what_was_shown(api_as, olivia, mia):
    tell(olivia, mia, title="One")
    shown = Notice.objects.get(user=olivia).pk
    tell(olivia, title="Two")
    client = api_as(olivia)

    assert client.post(f"{URL}/read", {"up_to": shown}).json() == {"read": 1}
    assert titles(client, "?unread=true") == ["Two"]
    assert client.post(f"{URL}/read").json() == {"read": 1}
    assert Notice.objects.filter(user=mia, read_at=None).count() == 1


def test_nobody_is_told_nothing(api):
    assert api.get(URL).status_code == 401
    assert api.post(f"{URL}/read").status_code == 401


def test_the_bell_counts_with_one_query(portal_as, olivia):
    client = portal_as(olivia)
    client.get("/profile/")

    with CaptureQueriesContext(connection) as without:
        assert b"bell-count" not in client.get("/profile/").content
    Notice.objects.bulk_create(Notice(user=olivia, kind="x", title="x") for _ in range(120))
    with CaptureQueriesContext(connection) as queries:
        page = client.get("/profile/").content.decode()

    assert len([query for query in queries if "accounts_notice" in query["sql"]]) == 1
    assert len(queries) == len(without)
    assert page.count('<span class="bell-count" aria-hidden="true">99+</span>') == 2
    assert 'aria-label="Notices, 99+ unread"' in page


def test_the_page_lists_and_the_bell_leads_there(portal_as, olivia, count_queries):
    tell(olivia, title="<b>Bold</b>", body="First.\n\nhttps://example.com")
    client = portal_as(olivia)

    page = client.get("/notices/").content.decode()

    assert "&lt;b&gt;Bold&lt;/b&gt;" in page
    assert "<p>First.</p>" in page
    few = count_queries(client, "/notices/")
    for number in range(15):
        tell(olivia, title=f"Number {number}")
    assert count_queries(client, "/notices/") == few


def test_the_page_pages_and_filters(portal_as, olivia):
    for number in range(21):
        tell(olivia, title=f"Number {number}.")
    client = portal_as(olivia)

    first = client.get("/notices/").content.decode()

    assert "Number 20." in first
    assert "Number 0." not in first
    assert "cursor=" in first
    notices.mark_all_read(user=olivia, at=timezone.now())
    assert "Nothing unread" in client.get("/notices/?show=unread").content.decode()


def test_an_empty_page_says_so(portal_as, olivia):
    assert "No notices" in portal_as(olivia).get("/notices/").content.decode()


def test_opening_marks_as_read_and_leads_on(portal_as, olivia, mia):
    tell(olivia, link="/usage/")
    notice = Notice.objects.get()

    assert portal_as(mia).post(f"/notices/{notice.pk}/read/").status_code == 404
    response = portal_as(olivia).post(f"/notices/{notice.pk}/read/")

    assert (response.status_code, response["Location"]) == (302, "/usage/")
    notice.refresh_from_db()
    assert notice.is_read


def test_marking_all_on_the_page_keeps_what_came_later(portal_as, olivia):
    tell(olivia)
    shown = Notice.objects.get().pk
    tell(olivia, title="Later")

    response = portal_as(olivia).post("/notices/read/", {"up_to": str(shown)})

    assert response["Location"] == "/notices/"
    assert [notice.title for notice in Notice.objects.filter(read_at=None)] == ["Later"]


def test_the_bell_is_drawn_anew_alone(portal_as, olivia):
    tell(olivia)

    page = portal_as(olivia).get("/notices/bell/").content.decode()

    assert page.strip().startswith("<a ")
    assert "1 unread" in page


def test_open_pages_are_told(olivia, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        tell(olivia)

    async def hear():
        layer = get_channel_layer()
        page = await layer.new_channel()
        await layer.group_add(realtime.group(olivia.pk), page)
        await asyncio.to_thread(callbacks[-1])
        return await asyncio.wait_for(layer.receive(page), 60)

    assert asyncio.run(hear()) == {"type": "person.notice"}


def test_is_forgotten_with_time(clock, olivia, mia):
    now = timezone.now()
    ages = {
        "read long ago": (100, 91),
        "read lately": (100, 89),
        "old": (366, None),
        "new": (364, None),
    }
    for title, (made, read) in ages.items():
        tell(olivia, title=title)
        Notice.objects.filter(title=title).update(
            created_at=now - timedelta(days=made),
            read_at=None if read is None else now - timedelta(days=read),
        )

    assert upkeep.purge_expired(at=now)["notices"] == 2

    assert set(Notice.objects.values_list("title", flat=True)) == {"read lately", "new"}


def test_goes_with_the_account(olivia, mia):
    person = UserFactory.create()
    tell(person, olivia)

    deletions.erase(user_id=person.pk, at=timezone.now())

    assert list(Notice.objects.values_list("user_id", flat=True)) == [olivia.pk]


def test_what_came_while_the_account_went_goes_the_next_day(olivia):
    tell(olivia)
    User.objects.filter(pk=olivia.pk).update(status="DELETED")

    assert upkeep.purge_expired(at=timezone.now())["notices"] == 1
