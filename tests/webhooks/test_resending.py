"""Sending again: one, what failed since a time, what was never sent, and test events."""

from datetime import timedelta

import pytest

from config.common.errors import InvalidInput
from config.common.http import Answer
from tests.doubles.receiver import response
from webhooks import catalogue
from webhooks.models import (
    Status,
    Trigger,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
)
from webhooks.services import claims, endpoints, resending, results, testing
from webhooks.signals import WebhookTested
from webhooks.transport import Result

pytestmark = pytest.mark.django_db
TYPES = {"event_types": ["organization.suspended"]}


def test_one_is_sent_again_with_the_same_id(endpoint, receiver, change, drain, clock):
    endpoint(**TYPES)
    change()
    drain()

    resent = resending.resend(delivery=WebhookDelivery.objects.get(), at=clock.now)
    assert (resent.status, resent.tries, resent.attempts) == (Status.PENDING, 0, 1)
    drain()

    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1
    triggers = WebhookAttempt.objects.order_by("id").values_list("trigger", "number")
    assert list(triggers) == [(Trigger.EVENT, 1), (Trigger.RESEND, 2)]


def test_what_was_given_up_starts_a_fresh_round(endpoint, receiver, change, drain, clock):
    endpoint("/status/500", **TYPES)
    change()
    drain()
    WebhookDelivery.objects.update(
        status=Status.FAILED, tries=10, next_attempt_at=None, completed_at=clock.now
    )

    resending.resend(delivery=WebhookDelivery.objects.get(), at=clock.now)
    drain()

    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.tries) == (Status.PENDING, 1)
    assert delivery.next_attempt_at == clock.now + timedelta(seconds=5)


def test_an_endpoint_that_was_left_alone_is_tried_at_once(endpoint, receiver, change, drain, clock):
    webhook = endpoint(**TYPES)
    change()
    drain()
    later = clock.now + timedelta(minutes=10)
    Webhook.objects.update(failures_in_a_row=7, circuit_open_until=later)

    resending.resend(delivery=WebhookDelivery.objects.get(), at=clock.now)

    webhook.refresh_from_db()
    assert webhook.circuit_open_until is None
    drain()
    assert len(receiver.ids) == 2


def test_nothing_is_resent_to_a_disabled_endpoint(endpoint, change, drain, clock):
    webhook = endpoint(**TYPES)
    change()
    drain()
    endpoints.disable_webhook(webhook=webhook, at=clock.now)

    with pytest.raises(resending.EndpointDisabled):
        resending.resend(delivery=WebhookDelivery.objects.get(), at=clock.now)
    assert WebhookDelivery.objects.get().status == Status.SUCCEEDED


def test_what_is_on_its_way_is_not_resent(endpoint, change, drain, clock):
    webhook = endpoint("/status/500", **TYPES)
    change()
    drain()
    clock.pass_by(seconds=5)
    claims.claim(at=clock.now, room=10, shares={webhook.pk: 10})

    with pytest.raises(resending.AlreadyOnItsWay):
        resending.resend(delivery=WebhookDelivery.objects.get(), at=clock.now)
    clock.pass_by(seconds=claims.LEASE.total_seconds())
    again = resending.resend(delivery=WebhookDelivery.objects.get(), at=clock.now)
    assert (again.leased_until, again.trigger) == (None, Trigger.RESEND)


def test_what_comes_of_an_attempt_under_way_does_not_end_the_new_round(
    endpoint, change, drain, clock
):
    webhook = endpoint("/status/500", **TYPES)
    change()
    drain()
    WebhookDelivery.objects.update(tries=9)
    clock.pass_by(seconds=5)
    (parcel,) = claims.claim(at=clock.now, room=10, shares={webhook.pk: 10})
    endpoints.disable_webhook(webhook=webhook, at=clock.now)
    endpoints.enable_webhook(webhook=webhook)
    resending.recover(webhook=webhook, since=clock.now - timedelta(days=9999), at=clock.now)

    refused = Result(parcel, clock.now, clock.now, "v1,x", Answer(status=500))
    results.record([refused], dice=lambda: 0.5)

    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.tries, delivery.trigger) == ("PENDING", 0, Trigger.RECOVERY)
    assert (delivery.next_attempt_at, delivery.attempts) == (clock.now, 2)


def test_a_time_of_failures_is_recovered_oldest_first(endpoint, receiver, change, drain, clock):
    webhook = endpoint(**TYPES)
    messages = [change(at=clock.now + timedelta(hours=hour)) for hour in range(4)]
    drain()
    WebhookDelivery.objects.update(
        status=Status.FAILED, next_attempt_at=None, completed_at=clock.now
    )
    receiver.calls.clear()

    since, until = clock.now + timedelta(hours=1), clock.now + timedelta(hours=3)
    assert resending.recoverable(webhook=webhook, since=since, until=until).count() == 2
    assert resending.recover(webhook=webhook, since=since, until=until, at=clock.now) == 2
    drain()

    assert sorted(receiver.ids) == sorted(message.message_id for message in messages[1:3])
    assert resending.recover(webhook=webhook, since=since, until=until, at=clock.now) == 0


def test_what_was_missed_while_disabled_is_replayed_once(endpoint, receiver, change, drain, clock):
    webhook = endpoint(**TYPES)
    endpoints.disable_webhook(webhook=webhook, at=clock.now)
    missed = change()
    drain()
    endpoints.enable_webhook(webhook=webhook)

    since = missed.occurred_at - timedelta(minutes=1)
    assert resending.replay_missing(webhook=webhook, since=since, at=clock.now) == 1
    assert resending.replay_missing(webhook=webhook, since=since, at=clock.now) == 0
    drain()

    assert receiver.ids == [missed.message_id]
    assert WebhookAttempt.objects.get().trigger == Trigger.REPLAY


def test_only_what_the_endpoint_wants_is_replayed(endpoint, change, drain, clock):
    webhook = endpoint(event_types=["member.added"])
    change()
    drain()
    since = clock.now - timedelta(days=1)

    assert resending.replay_missing(webhook=webhook, since=since, at=clock.now) == 0
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize("event_type", catalogue.type_names())
def test_a_test_sends_the_example_of_any_type(event_type, endpoint, receiver, drain, clock):
    webhook = endpoint(event_types=["member.added"])

    delivery = testing.send_test(webhook=webhook, at=clock.now, event_type=event_type)
    drain()

    delivery.refresh_from_db()
    assert (delivery.status, delivery.trigger) == (Status.SUCCEEDED, Trigger.TEST)
    assert receiver.ids == [delivery.message.message_id]
    assert delivery.message.payload["data"] == catalogue.described(event_type).example["data"]


def test_a_test_of_an_unknown_type_is_refused(endpoint, clock):
    webhook = endpoint()

    with pytest.raises(InvalidInput) as refusal:
        testing.send_test(webhook=webhook, at=clock.now, event_type="nothing.happened")

    assert [error.pointer for error in refusal.value.errors] == ["#/event_type"]
    assert not WebhookDelivery.objects.exists()


def test_a_test_goes_to_its_endpoint_alone(endpoint, receiver, drain, clock):
    other = endpoint("/other", event_types=[testing.DEFAULT_TYPE])
    webhook = endpoint("/mine")
    testing.send_test(webhook=webhook, at=clock.now)

    drain()

    assert {call.path for call in receiver.calls} == {"/mine"}
    since = clock.now - timedelta(days=1)
    assert resending.replay_missing(webhook=other, since=since, at=clock.now) == 0
    assert not WebhookTested.is_public


def test_a_failed_test_is_tried_again_like_any_other(endpoint, receiver, drain, clock):
    webhook = endpoint("/status/500")
    testing.send_test(webhook=webhook, at=clock.now)
    drain()
    receiver.answer = lambda _call: response(200)
    clock.pass_by(seconds=5)

    drain()

    assert WebhookDelivery.objects.get(trigger=Trigger.RETRY).status == Status.SUCCEEDED
