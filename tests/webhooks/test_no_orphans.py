"""Attempts and deliveries have fewer constraints in the database than they have owners: nothing may be left without one."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connection, transaction

from config.common.errors import NotFound
from config.common.events import publish
from config.common.http import Answer
from organizations.signals import MemberAdded
from tests.race import at_once
from webhooks.models import Status, WebhookAttempt, WebhookDelivery, WebhookMessage
from webhooks.services import claims, endpoints, fan_out, resending, results, testing, upkeep
from webhooks.transport import Result

_ORPHANS = """
    SELECT count(*) FROM webhooks_webhookattempt AS attempt
    LEFT JOIN webhooks_webhookdelivery AS delivery ON delivery.id = attempt.delivery_id
    LEFT JOIN webhooks_webhook AS webhook ON webhook.id = attempt.webhook_id
    WHERE delivery.id IS NULL OR webhook.id IS NULL OR delivery.webhook_id <> attempt.webhook_id
"""
_FOREIGN = """
    SELECT count(*) FROM webhooks_webhookdelivery AS delivery
    LEFT JOIN webhooks_webhook AS webhook ON webhook.id = delivery.webhook_id
    LEFT JOIN webhooks_webhookmessage AS message ON message.id = delivery.message_id
    WHERE webhook.id IS NULL OR message.id IS NULL
        OR delivery.organization_id <> webhook.organization_id
        OR delivery.organization_id <> message.organization_id
"""


_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
# How often each race is run.
_rounds = pytest.mark.parametrize("rounds", [2, pytest.param(5, marks=pytest.mark.trial)])


def _count(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@transaction.atomic
def _tell(organization, count):
    for _ in range(count):
        publish(MemberAdded(organization_id=organization.pk, user_id=1, role="MEMBER"), after={})


def _claimed(webhook, clock, count):
    fan_out.fan_out(at=clock.now)
    parcels = claims.claim(at=clock.now, room=count, shares={webhook.pk: count})
    assert len(parcels) == count
    return parcels


def _record(parcels, clock):
    results.record(
        [
            Result(one, clock.now, clock.now, "v1,x", Answer(status=200, seconds=0.01))
            for one in parcels
        ],
        dice=lambda: 0.5,
    )


def _some(count):
    told = WebhookMessage.objects.filter(event_type="member.added").order_by("-pk")
    return list(told.values_list("pk", flat=True)[:count])


def _replay(webhook, clock):
    with suppress(NotFound):  # the endpoint is gone
        resending.replay_missing(webhook=webhook, since=_LONG_AGO, at=clock.now)


def _test(webhook, clock):
    with suppress(NotFound):
        testing.send_test(webhook=webhook, at=clock.now)


@pytest.mark.django_db(transaction=True)
@_rounds
def test_an_endpoint_deleted_while_results_come_in_leaves_no_attempt(
    endpoint, organization, clock, rounds
):
    for _ in range(rounds):
        webhook = endpoint(event_types=["member.added"])
        _tell(organization, 60)
        parcels = _claimed(webhook, clock, 60)

        acts = [partial(_record, parcels[at::6], clock) for at in range(6)]
        at_once(*acts, partial(endpoints.delete_webhook, webhook=webhook))

        assert not WebhookDelivery.objects.filter(webhook_id=webhook.pk).exists()
        assert not WebhookAttempt.objects.filter(webhook_id=webhook.pk).exists()
    assert (_count(_ORPHANS), _count(_FOREIGN)) == (0, 0)


@pytest.mark.django_db(transaction=True)
@_rounds
def test_a_late_success_beside_the_pruning_leaves_no_attempt(endpoint, organization, clock, rounds):
    for _ in range(rounds):
        webhook = endpoint(event_types=["member.added"])
        _tell(organization, 30)
        parcels = _claimed(webhook, clock, 30)
        WebhookDelivery.objects.filter(webhook=webhook).update(
            status=Status.CANCELED, next_attempt_at=None, completed_at=clock.now
        )
        later = clock.now + timedelta(days=4_000)

        at_once(partial(_record, parcels, clock), partial(upkeep.prune, at=later))

        endpoints.delete_webhook(webhook=webhook)
    assert (_count(_ORPHANS), _count(_FOREIGN)) == (0, 0)
    assert not WebhookAttempt.objects.exists()


@pytest.mark.django_db(transaction=True)
@_rounds
def test_an_endpoint_deleted_while_deliveries_are_made_leaves_none(
    endpoint, organization, clock, rounds
):
    for _ in range(rounds):
        webhook = endpoint(event_types=["member.added"])
        _tell(organization, 60)
        WebhookMessage.objects.filter(pk__in=_some(20)).update(fanned_out_at=clock.now)

        at_once(
            partial(fan_out.fan_out, at=clock.now),
            partial(_replay, webhook, clock),
            partial(_test, webhook, clock),
            partial(endpoints.delete_webhook, webhook=webhook),
        )

        assert not WebhookDelivery.objects.filter(webhook_id=webhook.pk).exists()
    assert (_count(_ORPHANS), _count(_FOREIGN)) == (0, 0)


@pytest.mark.django_db(transaction=True)
@_rounds
def test_what_is_replayed_while_it_is_being_pruned_has_a_message_or_no_delivery(
    endpoint, organization, clock, rounds
):
    for _ in range(rounds):
        _tell(organization, 60)
        fan_out.fan_out(at=clock.now)
        webhook = endpoint(event_types=["member.added"])
        later = clock.now + timedelta(days=4_000)

        at_once(partial(_replay, webhook, clock), partial(upkeep.prune, at=later))

        assert (_count(_ORPHANS), _count(_FOREIGN)) == (0, 0)
        endpoints.delete_webhook(webhook=webhook)


@pytest.mark.django_db(transaction=True)
def test_the_pruning_waits_for_who_replays_and_leaves_what_they_took(endpoint, organization, clock):
    _tell(organization, 3)
    fan_out.fan_out(at=clock.now)
    webhook = endpoint(event_types=["member.added"])
    chosen = _some(3)
    taken, may_commit = threading.Event(), threading.Event()

    def replay():
        with transaction.atomic():
            resending.replay_missing(webhook=webhook, since=_LONG_AGO, at=clock.now)
            taken.set()
            assert may_commit.wait(60)

    def prune():
        assert taken.wait(60)
        threading.Timer(0.3, may_commit.set).start()
        return upkeep._delete(chosen)

    assert at_once(replay, prune) == [None, 0]
    assert set(WebhookDelivery.objects.values_list("message_id", flat=True)) >= set(chosen)
    assert (_count(_ORPHANS), _count(_FOREIGN)) == (0, 0)


@pytest.mark.django_db
def test_who_replays_passes_over_what_was_pruned_meanwhile(endpoint, organization, clock):
    _tell(organization, 3)
    fan_out.fan_out(at=clock.now)
    webhook = endpoint(event_types=["member.added"])
    found = resending.missing(webhook=webhook, since=_LONG_AGO)
    upkeep._delete([found[0].pk])

    with transaction.atomic():
        standing = resending._standing(found, webhook=webhook)

    assert [one.pk for one in standing] == [one.pk for one in found[1:]]
