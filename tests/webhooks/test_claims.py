"""Leases: nobody sends what somebody else holds, and nobody holds it for ever."""

from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction

from config.common.events import publish
from config.common.http import Answer
from organizations.signals import MemberAdded
from tests.factories.organizations import OrganizationFactory
from tests.race import at_once
from webhooks.models import (
    Outcome,
    Status,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookMessage,
)
from webhooks.services import claims, endpoints, fan_out, results
from webhooks.transport import Result

pytestmark = pytest.mark.django_db


def tell(organization, count=1):
    with transaction.atomic():
        for _ in range(count):
            publish(
                MemberAdded(organization_id=organization.pk, user_id=1, role="MEMBER"), after={}
            )


@pytest.fixture
def queue(endpoint, organization, clock):
    """An endpoint with so many deliveries that are due."""

    def fill(count: int, **settings) -> Webhook:
        webhook = endpoint(event_types=["member.added"], **settings)
        tell(organization, count)
        fan_out.fan_out(at=clock.now)
        return webhook

    return fill


def everything(webhook):
    return {"room": 1_000, "shares": {webhook.pk: 1_000}}


def test_a_lease_lasts_sixty_seconds(queue, clock):
    webhook = queue(3)
    first = claims.claim(at=clock.now, **everything(webhook))

    clock.pass_by(seconds=59)
    assert claims.claim(at=clock.now, **everything(webhook)) == []
    clock.pass_by(seconds=1)
    again = claims.claim(at=clock.now, **everything(webhook))

    assert [parcel.delivery_id for parcel in again] == [parcel.delivery_id for parcel in first]
    assert [parcel.message_id for parcel in again] == [parcel.message_id for parcel in first]
    assert {parcel.claim for parcel in again} == {2}


def test_an_unknown_endpoint_gets_a_few_and_a_known_one_its_share(queue, clock):
    webhook = queue(20)

    assert len(claims.claim(at=clock.now, room=100)) == claims.FIRST_SHARE
    assert len(claims.claim(at=clock.now, room=100, shares={webhook.pk: 7})) == 7
    assert claims.claim(at=clock.now, room=100, shares={webhook.pk: 0}) == []
    assert len(claims.claim(at=clock.now, room=5, shares={webhook.pk: 50})) == 5


def test_a_long_queue_leaves_room_for_a_short_one(queue, endpoint, clock):
    long = queue(50)
    other = OrganizationFactory.create()
    short = endpoint("/other", organization=other, event_types=["member.added"])
    tell(other, 2)
    fan_out.fan_out(at=clock.now)

    parcels = claims.claim(at=clock.now, room=20, shares={long.pk: 500, short.pk: 500})

    assert [parcel.webhook_id for parcel in parcels].count(short.pk) == 2
    assert len(parcels) == 12


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"disabled_at": "now", "disabled_reason": "customer"}, 0), ({"circuit_open_until": "later"}, 0),
     ({"circuit_open_until": "now", "failures_in_a_row": 5}, 1), ({"failures_in_a_row": 4}, 10)],
)  # fmt: skip
def test_the_endpoints_state_decides_how_much(change, expected, queue, clock):
    webhook = queue(10)
    times = {"now": clock.now, "later": clock.now + timedelta(seconds=1)}
    Webhook.objects.update(**{name: times.get(value, value) for name, value in change.items()})

    assert len(claims.claim(at=clock.now, **everything(webhook))) == expected


def test_one_probe_keeps_others_away(queue, clock):
    webhook = queue(10)
    Webhook.objects.update(failures_in_a_row=5, circuit_open_until=clock.now)
    assert len(claims.claim(at=clock.now, **everything(webhook))) == 1

    assert claims.claim(at=clock.now, **everything(webhook)) == []


@pytest.mark.django_db(transaction=True)
def test_of_simultaneous_claims_one_tries_an_endpoint_that_failed(queue, clock):
    webhook = queue(20)
    for _ in range(5):
        Webhook.objects.update(failures_in_a_row=5, circuit_open_until=clock.now)

        shares = at_once(
            *[lambda: claims.claim(at=clock.now, room=60, shares={webhook.pk: 60})] * 4
        )

        assert sum(len(share) for share in shares) == 1
        assert WebhookDelivery.objects.filter(leased_until__isnull=False).count() == 1
        WebhookDelivery.objects.update(leased_until=None)


@pytest.mark.django_db(transaction=True)
def test_simultaneous_claims_share_and_never_double(queue, clock):
    webhook = queue(200)

    def take():
        return [
            parcel.delivery_id
            for parcel in claims.claim(at=clock.now, room=60, shares={webhook.pk: 60})
        ]

    shares = at_once(*[take] * 4)

    taken = [delivery for share in shares for delivery in share]
    assert len(taken) == len(set(taken))
    assert set(WebhookDelivery.objects.filter(claims=1).values_list("pk", flat=True)) == set(taken)


@pytest.mark.django_db(transaction=True)
def test_simultaneous_fan_outs_hand_out_once(endpoint, organization, clock):
    endpoint(event_types=["member.added"])
    tell(organization, 50)

    at_once(*[lambda: fan_out.fan_out(at=clock.now)] * 4)
    fan_out.fan_out(at=clock.now)

    assert WebhookDelivery.objects.count() == 50
    assert not WebhookMessage.objects.filter(fanned_out_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_places_in_the_feed_are_on_disk_before_anybody_reads_them(endpoint, organization, clock):
    """The drain's connection waits for no disk; a place given twice would hide an event from who polls."""
    endpoint(event_types=["member.added"])
    tell(organization, 1)
    found = []

    def look(execute, sql, values, many, context):
        result = execute(sql, values, many, context)
        if "nextval" in sql:
            with connection.connection.cursor() as cursor:
                found.append(cursor.execute("SHOW synchronous_commit").fetchone()[0])
        return result

    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        with connection.execute_wrapper(look):
            fan_out.fan_out(at=clock.now)
        cursor.execute("SHOW synchronous_commit")
        assert (found, cursor.fetchone()) == (["on"], ("off",))


@pytest.mark.django_db(transaction=True)
def test_nobody_hands_out_beside_somebody_else(endpoint, organization, clock):
    """Two at once would give deliveries of one ordering key ids in the wrong order."""
    endpoint(event_types=["member.added"])
    tell(organization, 3)

    with psycopg.connect(settings.DATABASE_URL) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('tollgate.webhooks.fan_out'))")
        assert fan_out.fan_out(at=clock.now) == 0
        assert not WebhookDelivery.objects.exists()
    assert fan_out.fan_out(at=clock.now) == 3

    in_order = WebhookDelivery.objects.order_by("id").values_list("message_id", flat=True)
    assert list(in_order) == sorted(in_order)


def finished(parcel, clock, status=200):
    return Result(parcel, clock.now, clock.now, "v1,x", Answer(status=status, seconds=0.01))


def record(*found):
    results.record(found, dice=lambda: 0.5)


def test_a_late_failure_changes_nothing_but_a_late_success_counts(queue, clock):
    webhook = queue(1)
    (late,) = claims.claim(at=clock.now, **everything(webhook))
    clock.pass_by(seconds=60)
    (second,) = claims.claim(at=clock.now, **everything(webhook))

    record(finished(late, clock, 500))
    held = WebhookDelivery.objects.get()
    assert (held.status, held.tries, held.leased_until) == (Status.PENDING, 0, second.leased_until)
    assert (held.attempts, held.last_status_code) == (1, 500)
    record(finished(late, clock))
    assert WebhookDelivery.objects.get().status == Status.SUCCEEDED
    record(finished(second, clock, 500))

    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.attempts) == (Status.SUCCEEDED, 3)
    assert WebhookAttempt.objects.count() == 3


def test_what_is_handed_back_is_due_at_once(queue, clock):
    webhook = queue(1)
    (parcel,) = claims.claim(at=clock.now, **everything(webhook))

    record(Result(parcel, clock.now, clock.now))

    assert len(claims.claim(at=clock.now, **everything(webhook))) == 1
    assert not WebhookAttempt.objects.exists()
    assert WebhookDelivery.objects.get().attempts == 0


def test_a_result_for_an_endpoint_that_is_gone_is_dropped(queue, clock):
    webhook = queue(2)
    parcels = claims.claim(at=clock.now, **everything(webhook))
    endpoints.delete_webhook(webhook=webhook)

    record(*[finished(parcel, clock, 500) for parcel in parcels])

    assert not WebhookAttempt.objects.exists()


def test_a_failure_after_the_endpoint_was_disabled_leaves_the_delivery_canceled(queue, clock):
    webhook = queue(1)
    (parcel,) = claims.claim(at=clock.now, **everything(webhook))
    endpoints.disable_webhook(webhook=webhook, at=clock.now)

    record(finished(parcel, clock, 500))

    delivery = WebhookDelivery.objects.get()
    assert delivery.status == Status.CANCELED
    assert (delivery.attempts, delivery.last_outcome) == (1, Outcome.REFUSED)
    assert WebhookAttempt.objects.count() == 1


def test_a_batch_of_both_ends_with_the_last_word(queue, clock):
    webhook = queue(2)
    one, two = claims.claim(at=clock.now, **everything(webhook))
    failed = finished(one, clock, 500)
    clock.pass_by(seconds=1)

    record(finished(two, clock), failed)

    webhook.refresh_from_db()
    assert (webhook.failing_since, webhook.failures_in_a_row) == (None, 0)
    assert webhook.last_success_at == clock.now


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), (" 120 ", 120), ("Sun, 01 Mar 2026 12:00:30 GMT", 30), ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
     ("Wed, 21 Oct 89201507283:00 22359", None), ("soon", None), ("-1", None), ("", None), ("1e9", None), ("٣", None), ("9" * 400, 10_000_000)],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_date(text, seconds, clock):
    found = results.retry_after(Answer(status=429, headers={"retry-after": text}), at=clock.now)

    assert found == (None if seconds is None else timedelta(seconds=seconds))
