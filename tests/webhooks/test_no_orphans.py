"""Attempts and deliveries have fewer constraints in the database than they have owners: nothing may be left without one."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction

from config.common.events import publish
from config.common.http import Answer
from organizations.signals import MemberAdded
from tests.simultaneous import at_once
from webhooks.models import Status, WebhookAttempt, WebhookDelivery
from webhooks.services import claims, endpoints, fan_out, results, upkeep
from webhooks.transport import Result

_ORPHANS = """
    SELECT count(*) FROM webhooks_webhookattempt AS attempt
    LEFT JOIN webhooks_webhookdelivery AS delivery ON delivery.id = attempt.delivery_id
    LEFT JOIN webhooks_webhook AS webhook ON webhook.id = attempt.webhook_id
    WHERE delivery.id IS NULL OR webhook.id IS NULL OR delivery.webhook_id <> attempt.webhook_id
"""
_FOREIGN = """
    SELECT count(*) FROM webhooks_webhookdelivery AS delivery
    JOIN webhooks_webhook AS webhook ON webhook.id = delivery.webhook_id
    WHERE delivery.organization_id <> webhook.organization_id
"""


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


@pytest.mark.django_db(transaction=True)
def test_an_endpoint_deleted_while_results_come_in_leaves_no_attempt(endpoint, organization, clock):
    for _ in range(5):
        webhook = endpoint(event_types=["member.added"])
        _tell(organization, 60)
        parcels = _claimed(webhook, clock, 60)

        acts = [partial(_record, parcels[at::6], clock) for at in range(6)]
        at_once(*acts, partial(endpoints.delete_webhook, webhook=webhook))

        assert not WebhookDelivery.objects.filter(webhook_id=webhook.pk).exists()
        assert not WebhookAttempt.objects.filter(webhook_id=webhook.pk).exists()
    assert (_count(_ORPHANS), _count(_FOREIGN)) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_a_late_success_beside_the_pruning_leaves_no_attempt(endpoint, organization, clock):
    for _ in range(5):
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
