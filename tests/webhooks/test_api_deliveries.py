"""Deliveries over REST: the log with its filters, attempts without secrets, sending again, figures, why, and the feed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from organizations.services import organizations
from tests.factories.webhooks import WebhookFactory
from tests.race import at_once
from webhooks.models import (
    FeedPosition,
    Outcome,
    Status,
    Trigger,
    WebhookAttempt,
    WebhookDelivery,
    WebhookMessage,
)
from webhooks.services import endpoints, fan_out, feeds, testing

pytestmark = pytest.mark.django_db
HOOKS = "/api/v1/webhooks"


@pytest.fixture
def mia_asks(api_as, mia):
    return api_as(mia)


@pytest.fixture
def webhook(organization):
    webhook = WebhookFactory.create(organization=organization, headers={"X-Token": "s3cret"})
    WebhookMessage.objects.all().delete()
    return webhook


@pytest.fixture
def delivery(webhook):
    return testing.send_test(webhook=webhook, at=timezone.now())


def one(webhook, rest=""):
    return f"{HOOKS}/{webhook.pk}{rest}"


def positions(messages):
    found = WebhookMessage.objects.in_bulk([message.pk for message in messages])
    return [found[message.pk].position for message in messages]


def attempt(delivery, outcome=Outcome.SUCCEEDED, **values):
    defaults = {
        "number": 1,
        "trigger": Trigger.TEST,
        "at": timezone.now(),
        "duration_ms": 40,
        "url": delivery.webhook.url,
        "status_code": 204 if outcome == Outcome.SUCCEEDED else 500,
    }
    return WebhookAttempt.objects.create(
        delivery=delivery, webhook=delivery.webhook, outcome=outcome, **{**defaults, **values}
    )


def end(delivery, status):
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        status=status, next_attempt_at=None, completed_at=timezone.now()
    )


def happened(organization, name):
    organizations.update_organization(organization=organization, changes={"name": name})
    return WebhookMessage.objects.filter(organization=organization).latest("pk")


def test_a_delivery_tells_of_each_attempt_but_no_secret(mia_asks, webhook, delivery):
    attempt(
        delivery,
        Outcome.REFUSED,
        signature="v1,abc",
        response_headers={"Server": "x"},
        response_body="no",
        address="127.0.0.1",
    )

    body = mia_asks.get(one(webhook, f"/deliveries/{delivery.pk}")).json()

    assert body["message_id"] == delivery.message.message_id
    assert body["body"] == delivery.message.payload
    (log,) = body["log"]
    assert log["request"]["headers"]["webhook-signature"] == "v1,abc"
    assert log["request"]["headers"]["X-Token"] == "•••"
    assert log["response"] == {
        "status_code": 500,
        "headers": {"Server": "x"},
        "body": "no",
        "address": "127.0.0.1",
    }


def test_attempts_cost_no_query_each(webhook, delivery, mia_asks, count_queries):
    attempt(delivery)
    path = one(webhook, f"/deliveries/{delivery.pk}")
    few = count_queries(mia_asks, path)
    for number in range(2, 12):
        attempt(delivery, number=number)

    assert count_queries(mia_asks, path) == few == 4


def test_the_log_filters(mia_asks, webhook):
    now = timezone.now()
    failed = testing.send_test(webhook=webhook, at=now, event_type="api_key.revoked")
    end(failed, Status.FAILED)
    waiting = testing.send_test(webhook=webhook, at=now)
    old = testing.send_test(webhook=webhook, at=now)
    WebhookDelivery.objects.filter(pk=old.pk).update(created_at=now - timedelta(days=2))

    def ids(**query):
        response = mia_asks.get(one(webhook, "/deliveries"), query)
        assert response.status_code == 200, response.content
        return [row["id"] for row in response.json()["data"]]

    assert ids() == [waiting.pk, failed.pk, old.pk]
    assert ids(status="FAILED") == [failed.pk]
    assert ids(event_type="api_key.revoked") == [failed.pk]
    assert ids(message=waiting.message.message_id) == [waiting.pk]
    assert ids(since=(now - timedelta(days=1)).isoformat()) == [waiting.pk, failed.pk]
    assert ids(until=(now - timedelta(days=1)).isoformat()) == [old.pk]


def test_a_delivery_of_another_endpoint_is_missing_below_this_one(
    mia_asks, organization, webhook, delivery
):
    other = WebhookFactory.create(organization=organization)

    for rest, ask in (("", mia_asks.get), ("/resend", mia_asks.post)):
        assert ask(one(other, f"/deliveries/{delivery.pk}{rest}")).status_code == 404
    delivery.refresh_from_db()
    assert delivery.trigger == Trigger.TEST


def test_resending_keeps_the_id(mia_asks, webhook, delivery):
    end(delivery, Status.SUCCEEDED)

    response = mia_asks.post(one(webhook, f"/deliveries/{delivery.pk}/resend"))

    assert response.status_code == 202
    assert response.json()["message_id"] == delivery.message.message_id
    assert (response.json()["status"], response.json()["trigger"]) == ("PENDING", "resend")
    assert WebhookDelivery.objects.count() == 1


def test_a_disabled_endpoint_is_resent_nothing(mia_asks, webhook, delivery):
    end(delivery, Status.FAILED)
    endpoints.disable_webhook(webhook=webhook, at=timezone.now())
    period = {"since": "2020-01-01T00:00:00Z"}

    answers = [
        mia_asks.post(one(webhook, f"/deliveries/{delivery.pk}/resend")),
        mia_asks.post(one(webhook, "/recover"), period),
        mia_asks.post(one(webhook, "/replay-missing"), period),
        mia_asks.post(one(webhook, "/test"), {}),
    ]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [
        (409, "webhook_disabled")
    ] * 4
    delivery.refresh_from_db()
    assert delivery.status == Status.FAILED


def test_recovering_sends_what_failed_of_the_time(mia_asks, webhook):
    deliveries = [testing.send_test(webhook=webhook, at=timezone.now()) for _ in range(3)]
    end(deliveries[0], Status.FAILED)
    end(deliveries[1], Status.SUCCEEDED)
    later = (timezone.now() + timedelta(hours=1)).isoformat()

    nothing = mia_asks.post(one(webhook, "/recover"), {"since": later})
    some = mia_asks.post(one(webhook, "/recover"), {"since": "2020-01-01T00:00:00Z"})

    assert (nothing.json(), some.json()) == ({"count": 0}, {"count": 1})
    assert some.status_code == 202
    deliveries[0].refresh_from_db()
    assert (deliveries[0].status, deliveries[0].trigger) == (Status.PENDING, Trigger.RECOVERY)


def test_replaying_sends_what_was_never_sent(mia_asks, organization, webhook):
    endpoints.disable_webhook(webhook=webhook, at=timezone.now())
    WebhookMessage.objects.all().delete()
    missed = happened(organization, "Acme")
    fan_out.fan_out(at=timezone.now())
    endpoints.enable_webhook(webhook=webhook)

    response = mia_asks.post(one(webhook, "/replay-missing"), {"since": "2020-01-01T00:00:00Z"})

    assert response.json() == {"count": 1}
    assert [one.message_id for one in webhook.deliveries.all()] == [missed.pk]


def test_figures_are_those_of_the_log(mia_asks, webhook, delivery):
    now = timezone.now()
    for number, took in enumerate([10, 20, 30, 40], start=1):
        attempt(delivery, number=number, duration_ms=took)
    attempt(delivery, Outcome.TIMED_OUT, number=5, duration_ms=15_000, status_code=None)
    attempt(delivery, number=6, at=now - timedelta(days=3))

    body = mia_asks.get(one(webhook, "/stats"), {"hours": 24}).json()

    assert (body["attempts"], body["succeeded"], body["failed"]) == (5, 4, 1)
    assert body["success_rate"] == 0.8
    assert (body["median_ms"], body["p95_ms"]) == (25.0, 38.5)
    assert body["by_outcome"] == {"succeeded": 4, "timed_out": 1}
    assert body["pending"] == 1
    assert len(body["series"]) == 24
    assert body["series"][-1]["succeeded"] + body["series"][-2]["succeeded"] == 4
    assert sum(bucket["failed"] for bucket in body["series"]) == 1


def test_why_an_event_did_not_come(mia_asks, organization, webhook):
    endpoints.update_webhook(webhook=webhook, settings={"event_types": ["api_key.*"]})
    WebhookMessage.objects.all().delete()
    message = happened(organization, "Acme")
    fan_out.fan_out(at=timezone.now())

    told = mia_asks.get(one(webhook, "/why"), {"message": message.message_id}).json()

    assert (told["code"], told["delivery_id"]) == ("event_type", None)
    assert told["message_id"] == message.message_id
    assert "replay" in told["fix"]
    assert mia_asks.get(one(webhook, "/why")).json() == told


def test_why_tells_nothing_of_other_organizations(
    mia_asks, webhook, foreign_organization, organization
):
    foreign = happened(foreign_organization, "Elsewhere")

    answers = [
        mia_asks.get(one(webhook, "/why"), {"message": message})
        for message in (foreign.message_id, "msg_never_seen")
    ]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_the_feed_goes_on_behind_what_was_acknowledged(mia_asks, organization, webhook):
    names = ["One", "Two", "Three"]
    made = [happened(organization, name) for name in names]
    unsettled = mia_asks.get(f"{HOOKS}/messages").json()
    fan_out.fan_out(at=timezone.now())
    places = positions(made)
    testing.send_test(webhook=webhook, at=timezone.now())

    first = mia_asks.get(f"{HOOKS}/messages", {"limit": 2}).json()
    again = mia_asks.get(f"{HOOKS}/messages", {"limit": 2}).json()
    moved = mia_asks.post(f"{HOOKS}/messages/acknowledge", {"position": first["position"]})
    rest = mia_asks.get(f"{HOOKS}/messages").json()
    other = mia_asks.get(f"{HOOKS}/messages", {"consumer": "bookkeeping"}).json()
    named = mia_asks.get(f"{HOOKS}/messages", {"after": places[0]}).json()

    def ids(page):
        return [row["id"] for row in page["data"]]

    expected = [message.message_id for message in made]
    assert unsettled["data"] == []
    assert (ids(first), first["has_more"]) == (expected[:2], True)
    assert again == first
    assert moved.json()["position"] == places[1]
    assert (ids(rest), rest["has_more"], rest["position"]) == (expected[2:], False, places[2])
    assert ids(other) == expected
    assert ids(named) == expected[1:]
    assert rest["data"][0]["data"] == made[2].payload["data"]


def test_the_feed_narrows_to_types(mia_asks, organization, webhook):
    happened(organization, "One")
    fan_out.fan_out(at=timezone.now())
    path = f"{HOOKS}/messages"

    wanted = mia_asks.get(path, {"event_types": "organization.updated,api_key.created"}).json()
    unwanted = mia_asks.get(path, {"event_types": "api_key.created"}).json()
    unknown = mia_asks.get(path, {"event_types": "no.such_event"})

    assert (len(wanted["data"]), unwanted["data"]) == (1, [])
    assert unknown.json()["errors"][0]["pointer"] == "#/event_types"


def test_nobody_is_ahead_of_the_feed(mia_asks, organization, foreign_organization, webhook):
    foreign = happened(foreign_organization, "Elsewhere")
    fan_out.fan_out(at=timezone.now())

    for position in (*positions([foreign]), 2**62):
        response = mia_asks.post(f"{HOOKS}/messages/acknowledge", {"position": position})
        assert response.status_code == 400
        assert response.json()["errors"][0]["pointer"] == "#/position"
    assert not FeedPosition.objects.exists()


def test_a_position_stays_good_when_its_message_is_pruned(mia_asks, organization, webhook):
    made = [happened(organization, name) for name in ("One", "Two")]
    fan_out.fan_out(at=timezone.now())
    first, last = positions(made)
    path = f"{HOOKS}/messages/acknowledge"

    made[0].delete()
    assert mia_asks.post(path, {"position": first}).status_code == 200
    assert mia_asks.post(path, {"position": last}).status_code == 200
    made[1].delete()
    page = mia_asks.get(f"{HOOKS}/messages").json()
    assert mia_asks.post(path, {"position": page["position"]}).json()["position"] == last
    assert mia_asks.post(path, {"position": last + 1}).status_code == 400


def test_consumers_are_limited(organization):
    for number in range(feeds.MAX_CONSUMERS):
        feeds.acknowledge(
            organization=organization, consumer=f"c{number}", position=0, at=timezone.now()
        )

    with pytest.raises(feeds.TooManyConsumers):
        feeds.acknowledge(organization=organization, consumer="more", position=0, at=timezone.now())
    feeds.acknowledge(organization=organization, consumer="c0", position=0, at=timezone.now())
    assert FeedPosition.objects.count() == feeds.MAX_CONSUMERS


@pytest.mark.django_db(transaction=True)
def test_a_position_never_moves_back(organization):
    messages = [happened(organization, f"Name {number}") for number in range(6)]
    fan_out.fan_out(at=timezone.now())
    made = positions(messages)

    def acknowledge(position):
        return lambda: feeds.acknowledge(
            organization=organization, consumer="default", position=position, at=timezone.now()
        )

    at_once(*[acknowledge(position) for position in [*reversed(made), *made]])

    assert list(FeedPosition.objects.values_list("position", flat=True)) == [made[-1]]
