"""Questions: statistics that equal the log, the feed, the key set, why an event did not arrive, figures for Prometheus."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from organizations.services import suspension
from tests.doubles.receiver import response
from webhooks import metering, selectors
from webhooks.models import (
    Outcome,
    Status,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookMessage,
)
from webhooks.selectors import console, figures
from webhooks.services import endpoints

pytestmark = pytest.mark.django_db
TYPES = {"event_types": ["organization.suspended"]}


def why(webhook, message):
    webhook.refresh_from_db()
    message.refresh_from_db()
    return selectors.explain(webhook, message)


def test_statistics_are_counted_from_the_log(endpoint, receiver, change, drain, clock):
    webhook = endpoint("/status/500", **TYPES)
    for _ in range(3):
        change()
    drain()
    receiver.answer = lambda _call: response(200)
    change()
    drain()

    found = selectors.statistics_of(webhook, since=clock.now - timedelta(days=1))

    log = WebhookAttempt.objects.filter(webhook=webhook)
    assert (found.attempts, found.succeeded, found.failed) == (4, 1, 3)
    assert (found.success_rate, found.pending) == (0.25, 3)
    assert found.by_outcome == {"refused": 3, "succeeded": 1}
    assert found.average_ms == pytest.approx(sum(log.values_list("duration_ms", flat=True)) / 4)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns"])
def test_hours_add_up_to_the_statistics_in_every_time_zone(zone, endpoint, change, drain, clock):
    webhook = endpoint(**TYPES)
    for minutes in (-1, 1, 15, 59, 61, 119, 121):
        clock.now = clock.now.replace(hour=12, minute=0) - timedelta(minutes=minutes)
        change()
        drain()
    clock.now = clock.now.replace(hour=12, minute=0)
    WebhookAttempt.objects.filter(at__gt=clock.now).update(outcome=Outcome.REFUSED)

    with timezone.override(zone):
        series = figures.by_hour([webhook], at=clock.now + timedelta(minutes=2), hours=2)[
            webhook.pk
        ]
    since = clock.now - timedelta(minutes=118)
    totals = selectors.statistics_of(webhook, since=since)

    assert [(bucket.at, bucket.succeeded, bucket.failed) for bucket in series] == [
        (since, 2, 0),
        (since + timedelta(hours=1), 2, 1),
    ]
    assert (totals.succeeded, totals.failed) == (4, 1)


def test_statistics_of_nothing_have_no_rate(endpoint, clock):
    found = selectors.statistics_of(endpoint(), since=clock.now)

    assert (found.attempts, found.success_rate, found.average_ms) == (0, None, None)


def test_the_requests_headers_are_shown_without_their_secrets(endpoint, receiver, change, drain):
    endpoint(headers={"X-Token": "s3cret"}, **TYPES)
    message = change()
    drain()

    shown = selectors.request_headers_of(WebhookAttempt.objects.get())

    sent = receiver.calls[0].headers
    assert shown["X-Token"] == "•••"
    assert shown["webhook-id"] == message.message_id == sent["webhook-id"]
    assert shown["webhook-timestamp"] == sent["webhook-timestamp"]
    assert shown["webhook-signature"] == sent["webhook-signature"]


def test_the_feed_tells_everything_once_from_a_position(
    organization, change, drain, foreign_organization
):
    change()
    assert not selectors.feed_of(organization).exists()
    drain()

    feed = list(selectors.feed_of(organization))
    assert feed[0].position is not None
    rest = selectors.feed_of(
        organization, after=feed[0].position, event_types=["organization.suspended"]
    )

    assert [message.pk for message in feed] == sorted(message.pk for message in feed)
    assert {message.organization_id for message in feed} == {organization.pk}
    assert [message.event_type for message in rest] == ["organization.suspended"]


def test_what_is_committed_late_is_not_skipped_by_who_read_on(organization, drain):
    drain()
    with connection.cursor() as cursor:
        # A change that is slow takes its id before another one, and is committed after it.
        cursor.execute("SELECT nextval(pg_get_serial_sequence('webhooks_webhookmessage', 'id'))")
        (early,) = cursor.fetchone()
    suspension.suspend(organization=organization, reason="unpaid")
    drain()
    read = selectors.feed_of(organization).last()
    assert read is not None
    assert read.pk > early
    assert read.position is not None

    late = WebhookMessage.objects.create(
        pk=early,
        message_id="msg_late",
        organization=organization,
        event_type="organization.updated",
        payload={},
        occurred_at=read.occurred_at,
    )
    drain()

    assert list(selectors.feed_of(organization, after=read.position)) == [late]


def test_test_events_are_not_in_the_feed(organization, endpoint, drain):
    drain()
    count = selectors.feed_of(organization).count()
    WebhookMessage.objects.update(is_test=True)

    assert (count > 0, selectors.feed_of(organization).count()) == (True, 0)


def test_the_key_set_holds_present_keys_and_those_of_the_overlap(organization, endpoint):
    endpoint()
    webhook = endpoint(signature="ed25519")
    now = timezone.now()
    endpoints.rotate_secret(webhook=webhook, at=now, overlap_seconds=3600)
    endpoints.rotate_secret(webhook=webhook, at=now - timedelta(hours=3), overlap_seconds=0)

    keys = list(selectors.public_keys())

    assert len(keys) == 1
    assert len({key["kid"] for key in keys}) == 1


def test_why_it_arrived(endpoint, change, drain):
    webhook = endpoint(**TYPES)
    message = change()

    assert why(webhook, message).code == "not_yet"
    drain()

    told = why(webhook, message)
    assert told.code == "delivered"
    assert "answered 200" in told.detail


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"event_types": ["member.added"]}, "event_type"),
     ({"filters": [{"path": "data.reason", "operator": "equals", "value": "fraud"}]}, "filter")],
)  # fmt: skip
def test_why_it_was_passed_over(settings, code, endpoint, change, drain):
    webhook = endpoint(**settings)
    message = change()
    drain()

    assert why(webhook, message).code == code
    endpoints.update_webhook(webhook=webhook, settings={"event_types": ["*"], "filters": []})

    assert why(webhook, message).fix == "Replay what is missing since the time of the event."


def test_why_a_disabled_or_later_endpoint_got_nothing(endpoint, change, drain, clock):
    webhook = endpoint(**TYPES)
    endpoints.disable_webhook(webhook=webhook, at=clock.now)
    message = change()
    drain()
    later = endpoint(**TYPES)
    Webhook.objects.filter(pk=later.pk).update(created_at=clock.now + timedelta(seconds=1))

    assert why(webhook, message).code == "disabled"
    assert why(later, message).code == "created_later"


def test_why_it_waits(endpoint, change, drain, clock):
    webhook = endpoint("/status/500", ordering_path="data.reason", **TYPES)
    first, second = change(), change()
    drain()
    delivery = WebhookDelivery.objects.get(message=first)
    soon = timezone.now() + timedelta(minutes=1)

    assert why(webhook, first).code == "waiting"
    with timezone.override("Asia/Kolkata"):
        told = why(webhook, first).detail
    assert delivery.next_attempt_at is not None
    at = delivery.next_attempt_at + timedelta(hours=5, minutes=30)
    assert told.startswith(f"The next attempt is made on {at:%d %b %Y, %H:%M:%S} IST. ")
    assert f" on {delivery.next_attempt_at:%d %b %Y, %H:%M:%S} UTC. " in why(webhook, first).detail
    assert why(webhook, second).code == "behind_another"
    WebhookDelivery.objects.filter(pk=delivery.pk).update(leased_until=soon)
    assert why(webhook, first).code == "on_its_way"
    WebhookDelivery.objects.filter(pk=delivery.pk).update(leased_until=None)
    Webhook.objects.update(circuit_open_until=soon)
    assert why(webhook, first).code == "circuit_open"
    assert "answered 500" in why(webhook, first).detail


@pytest.mark.parametrize(
    ("status", "code"), [(Status.FAILED, "given_up"), (Status.CANCELED, "canceled")]
)
def test_why_it_ended(status, code, endpoint, change, drain, clock):
    webhook = endpoint("/status/500", **TYPES)
    message = change()
    drain()
    WebhookDelivery.objects.update(status=status, next_attempt_at=None, completed_at=clock.now)

    assert why(webhook, message).code == code


def test_figures_for_prometheus(endpoint, change, drain, clock, client):
    endpoint("/status/500", **TYPES)
    clock.now = timezone.now()
    change()
    drain()
    clock.pass_by(seconds=65)
    change()

    lines = metering.prometheus_text(at=clock.now).splitlines()

    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values["tollgate_webhook_messages_to_fan_out"] == "2"
    assert (
        values["tollgate_webhook_deliveries_pending"]
        == values["tollgate_webhook_deliveries_due"]
        == "1"
    )
    assert values["tollgate_webhook_oldest_due_seconds"] == "60.000"
    assert values['tollgate_webhook_attempts{outcome="refused"}'] == "1"
    assert values['tollgate_webhook_attempts{outcome="succeeded"}'] == "0"
    assert values["tollgate_webhook_failing_endpoints"] == "1"
    assert 'tollgate_webhook_lag_seconds{quantile="0.95"}' in values
    assert b"tollgate_webhook_open_circuits 0" in client.get("/metrics").content


def test_what_is_held_back_for_a_reason_is_not_due(endpoint, organization, change, drain, clock):
    clock.now = timezone.now() + timedelta(seconds=1)
    in_order = endpoint("/status/500", ordering_path="data.organization_id", **TYPES)
    change()
    change()
    drain()
    second = in_order.deliveries.latest("id")
    assert (second.ordering_key, second.attempts) == (str(organization.pk), 0)
    assert metering.queue_state(at=clock.now).due == 0
    stuck = clock.now + timedelta(minutes=3)
    assert [row.pk for row in console.stuck(at=stuck)] == [in_order.deliveries.earliest("id").pk]
    assert metering.queue_state(at=stuck).due == 1

    Webhook.objects.update(circuit_open_until=stuck + timedelta(seconds=1))

    state = metering.queue_state(at=stuck)
    assert (state.pending, state.due, state.oldest_due_seconds) == (2, 0, 0.0)
    assert not console.stuck(at=stuck)


def test_the_log_is_filtered_by_types_that_were_sent_lately(endpoint, change, drain, monkeypatch):
    webhook = endpoint()
    change()
    drain()
    assert figures.recent_types(webhook) == ["organization.reinstated", "organization.suspended"]

    monkeypatch.setattr(figures, "_LATEST", 1)

    assert figures.recent_types(webhook) == ["organization.reinstated"]
