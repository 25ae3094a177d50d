"""Another address: the old and the new one agree in any order, each link is good once, and nobody learns who has what."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import EmailChange, LoginGuard, Session, User
from accounts.services import email_changes, registration
from audit.models import AuditLog, SecurityEvent
from config.common.models import OutgoingMail
from tests import race, servers
from tests.clients import grow_old
from tests.factories.accounts import PASSWORD, UserFactory

URL = "/api/v1/users/me/email"
CONFIRM = "/api/v1/auth/email-change/confirm"
CANCEL = "/api/v1/auth/email-change/cancel"
OLD, NEW = "olivia@example.com", "olivia@elsewhere.example"
ASKED = {"detail": "We have written to both addresses."}


@pytest.fixture
def client(api_as, olivia):
    return api_as(olivia)


@pytest.fixture
def links(client, mailed_token):
    """Ask for the change and return both tokens, the old address's first."""
    assert client.post(URL, {"email": NEW, "password": PASSWORD}).status_code == 202
    return mailed_token(OLD, "email_change_old"), mailed_token(NEW, "email_change_new")


def test_asks_both_addresses(client, olivia, links):
    change = EmailChange.objects.get()

    assert (change.old_email, change.new_email) == (OLD, NEW)
    assert (change.expires_at - timezone.now()).total_seconds() == pytest.approx(86_400, abs=60)
    assert client.get(URL).json()["pending"]["new_email"] == NEW
    assert AuditLog.objects.get(event="user.email_change_requested").actor_id == olivia.pk


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["old first", "new first"])
def test_the_second_one_to_agree_moves_the_account(api, client, olivia, links, order):
    browserless = [api.post(CONFIRM, {"token": links[place]}) for place in order]

    assert [answer.status_code for answer in browserless] == [200, 200]
    assert [answer.json() for answer in browserless] == [
        {"is_complete": False},
        {"is_complete": True},
    ]
    olivia.refresh_from_db()
    assert olivia.email == NEW
    entry = AuditLog.objects.get(event="user.email_changed")
    assert (entry.old_values, entry.new_values) == ({"email": OLD}, {"email": NEW})
    assert SecurityEvent.objects.filter(name="user_updated", user_id=olivia.pk).count() == 2
    assert OutgoingMail.objects.get(kind="accounts/email_changed").recipient == OLD


def test_one_alone_changes_nothing(api, client, olivia, links):
    api.post(CONFIRM, {"token": links[0]})

    olivia.refresh_from_db()
    assert olivia.email == OLD
    assert client.get("/api/v1/users/me").status_code == 200


def test_ends_every_session(api, client, portal_as, olivia, links):
    browser, version = portal_as(olivia), User.objects.get(pk=olivia.pk).session_version

    for token in links:
        api.post(CONFIRM, {"token": token})

    assert client.get("/api/v1/users/me").status_code == 401
    assert browser.get("/profile/").status_code == 302
    assert set(Session.objects.values_list("ended_reason", flat=True)) == {"email_changed"}
    assert User.objects.get(pk=olivia.pk).session_version == version + 1


def test_each_link_is_good_once(api, olivia, links):
    api.post(CONFIRM, {"token": links[0]})

    response = api.post(CONFIRM, {"token": links[0]})

    assert (response.status_code, response.json()["code"]) == (400, "email_change_failed")
    olivia.refresh_from_db()
    assert olivia.email == OLD


def test_links_are_good_for_a_day(api, clock, client, olivia, mailed_token):
    client.post(URL, {"email": NEW, "password": PASSWORD})
    clock.shift(24 * 3600)

    response = api.post(CONFIRM, {"token": mailed_token(OLD, "email_change_old")})

    assert response.status_code == 400


@pytest.mark.parametrize("place", [0, 1], ids=["old", "new"])
def test_either_address_may_refuse(api, olivia, links, place):
    refused = api.post(CANCEL, {"token": links[place]})
    too_late = api.post(CONFIRM, {"token": links[1 - place]})

    assert (refused.status_code, too_late.status_code) == (204, 400)
    assert EmailChange.objects.get().canceled_at is not None
    assert AuditLog.objects.filter(event="user.email_change_canceled").count() == 1
    olivia.refresh_from_db()
    assert olivia.email == OLD


def test_the_person_may_take_it_back(api, client, links):
    assert client.delete(URL).status_code == 204

    assert api.post(CONFIRM, {"token": links[0]}).status_code == 400
    assert client.get(URL).json()["pending"] is None
    assert client.delete(URL).status_code == 204


def test_a_new_wish_replaces_the_old_one(api, client, links, mailed_token):
    client.post(URL, {"email": "third@elsewhere.example", "password": PASSWORD})

    assert [api.post(CONFIRM, {"token": token}).status_code for token in links] == [400, 400]
    assert EmailChange.objects.filter(canceled_at=None).get().new_email == "third@elsewhere.example"
    assert api.post(CONFIRM, {"token": mailed_token(OLD, "email_change_old")}).status_code == 200


def test_a_taken_address_looks_the_same(api, client, olivia, stan, mailed_token):
    response = client.post(URL, {"email": stan.email, "password": PASSWORD})

    assert (response.status_code, response.json()) == (202, ASKED)
    assert client.get(URL).json()["pending"]["new_email"] == stan.email
    told = OutgoingMail.objects.get(recipient=stan.email)
    assert told.kind == "accounts/email_change_taken"
    agreed = api.post(CONFIRM, {"token": mailed_token(OLD, "email_change_old")})
    assert agreed.json() == {"is_complete": False}
    olivia.refresh_from_db()
    assert olivia.email == OLD


def test_a_taken_address_costs_the_same_work(client, olivia, stan):
    client.post(URL, {"email": "warm@example.com", "password": PASSWORD})

    with CaptureQueriesContext(connection) as free:
        client.post(URL, {"email": "free@example.com", "password": PASSWORD})
    with CaptureQueriesContext(connection) as taken:
        client.post(URL, {"email": stan.email, "password": PASSWORD})

    assert _shapes(taken) == _shapes(free)


def _shapes(queries):
    texts = [query["sql"] for query in queries.captured_queries]
    kept = [text for text in texts if not text.startswith("ROLLBACK TO SAVEPOINT")]
    return [re.sub(r'SAVEPOINT "\w+"', "SAVEPOINT", text)[:40] for text in kept]


def test_an_address_registered_meanwhile_stays_with_its_owner(api, olivia, links):
    registration.open_account(email=NEW, password="four unrelated quiet words")
    api.post(CONFIRM, {"token": links[0]})

    response = api.post(CONFIRM, {"token": links[1]})

    assert (response.status_code, response.json()["code"]) == (409, "address_taken")
    olivia.refresh_from_db()
    assert olivia.email == OLD
    change = EmailChange.objects.get()
    assert (change.completed_at, change.canceled_at is None) == (None, False)
    assert Session.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"email": NEW, "password": "wrong"}, "wrong_password"),
        ({"email": OLD, "password": PASSWORD}, "same_address"),
        ({"email": OLD.upper(), "password": PASSWORD}, "same_address"),
        ({"email": "nonsense", "password": PASSWORD}, "invalid"),
    ],
    ids=["wrong password", "same", "same in capitals", "nonsense"],
)
def test_refuses(client, body, code):
    response = client.post(URL, body)

    assert response.status_code == 400
    assert [error["code"] for error in response.json()["errors"]] == [code]
    assert not EmailChange.objects.exists()
    assert not OutgoingMail.objects.exists()


def test_needs_a_recent_sign_in(client, olivia):
    grow_old(olivia)

    response = client.post(URL, {"email": NEW, "password": PASSWORD})

    assert (response.status_code, response.json()["code"]) == (403, "reauthentication_required")
    assert client.get(URL).status_code == 200
    assert not EmailChange.objects.exists()


def test_writes_five_times_an_hour_at_most(clock, client):
    statuses = [
        client.post(URL, {"email": f"n{n}@example.com", "password": PASSWORD}).status_code
        for n in range(6)
    ]

    assert statuses == [202] * 5 + [429]
    assert OutgoingMail.objects.filter(recipient=OLD).count() == 5


def race_for_a_link(url, user, mailed_token, address):
    email_changes.request(user=user, email=address, password=PASSWORD, at=timezone.now())
    old = mailed_token(user.email, "email_change_old")
    new = mailed_token(address, "email_change_new")
    events = AuditLog.objects.filter(event="user.email_changed")
    before = events.count()

    answers = race.run(
        url, [race.post(CONFIRM, {"token": old})] * 8 + [race.post(CONFIRM, {"token": new})] * 8
    )

    for eight in (answers[:8], answers[8:]):
        assert sorted(answer.status for answer in eight) == [200] + [400] * 7
    complete = [answer.json()["is_complete"] for answer in answers if answer.status == 200]
    assert sorted(complete) == [False, True]
    user.refresh_from_db()
    assert user.email == address
    assert events.count() == before + 1


def test_of_sixteen_one_of_each_link_wins(transactional_db, live_server, mailed_token):
    nora = UserFactory.create(email="nora@example.com")

    race_for_a_link(live_server.url, nora, mailed_token, "nora@elsewhere.example")


@pytest.mark.trial
def test_one_of_each_link_wins_twenty_times(
    transactional_db, live_server, mailed_token, redis_client, settings
):
    nora = UserFactory.create(email="nora@example.com")
    for number in range(20):
        LoginGuard.objects.all().delete()
        servers.forget_redis_keys(redis_client, settings.REDIS_PREFIX)
        race_for_a_link(live_server.url, nora, mailed_token, f"nora{number}@elsewhere.example")


def test_exactly_one_of_sixteen_gets_the_address(transactional_db, mailed_token):
    """Sixteen people wish for one address, and all of them have both links: one of them gets it."""
    people = [UserFactory.create() for _ in range(16)]
    tokens = []
    for person in people:
        LoginGuard.objects.all().delete()
        email_changes.request(user=person, email=NEW, password=PASSWORD, at=timezone.now())
        email_changes.confirm(
            token=mailed_token(person.email, "email_change_old"), at=timezone.now()
        )
        tokens.append(mailed_token(NEW, "email_change_new"))

    outcomes = race.together(
        16, lambda n: email_changes.confirm(token=tokens[n], at=timezone.now())
    )

    assert sum(isinstance(outcome, EmailChange) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, registration.AddressTaken) for outcome in outcomes) == 15
    assert User.objects.filter(email=NEW).count() == 1


def test_links_die_with_the_change(links, olivia):
    email_changes.cancel(user=olivia, at=timezone.now() + timedelta(seconds=1))

    assert not olivia.email_tokens.filter(used_at=None).exists()


def test_pages_lead_through_it(portal, portal_as, olivia, mailed_token):
    browser = portal_as(olivia)
    asked = browser.post("/profile/email/", {"email": NEW, "password": PASSWORD}, follow=True)
    paths = [
        f"/email-change/{mailed_token(OLD, 'email_change_old')}",
        f"/email-change/{mailed_token(NEW, 'email_change_new')}",
    ]

    opened = portal.get(paths[0])
    first = portal.post(paths[0], {"answer": "agree"})
    second = portal.post(paths[1], {"answer": "agree"})
    again = portal.post(paths[1], {"answer": "agree"})

    assert NEW in asked.content.decode()
    assert opened.status_code == 200
    assert "One more to go" in first.content.decode()
    assert "Your address has changed" in second.content.decode()
    assert again.status_code == 400
    assert User.objects.get(pk=olivia.pk).email == NEW


def test_a_page_refuses_and_takes_back(portal, portal_as, olivia, mailed_token):
    browser = portal_as(olivia)
    browser.post("/profile/email/", {"email": NEW, "password": PASSWORD})
    path = f"/email-change/{mailed_token(OLD, 'email_change_old')}"

    refused = portal.post(path, {"answer": "refuse"})
    kept = browser.post("/profile/email/cancel/", follow=True)

    assert "The change is canceled" in refused.content.decode()
    assert kept.status_code == 200
    assert EmailChange.objects.get().canceled_at is not None


def test_others_who_want_an_address_do_not_keep_its_owner(client, api_as, stan):
    for _ in range(6):
        api_as(stan).post(URL, {"email": OLD, "password": PASSWORD})

    assert client.post(URL, {"email": NEW, "password": PASSWORD}).status_code == 202
