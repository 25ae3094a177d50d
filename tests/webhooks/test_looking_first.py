"""What is to be sent again is looked for before anything is locked, and holds only if the endpoint still wants it."""

import tracemalloc
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from config.common.events import publish
from organizations.signals import MemberAdded
from tests import race
from webhooks.models import Status, WebhookDelivery, WebhookMessage
from webhooks.services import endpoints, fan_out, resending

pytestmark = pytest.mark.django_db
VERBS = [resending.recover, resending.replay_missing]


@pytest.fixture
def missed(organization, endpoint, clock):
    """An endpoint that was disabled while three members came."""
    webhook = endpoint(event_types=["member.added"])
    endpoints.disable_webhook(webhook=webhook, at=clock.now)
    with transaction.atomic():
        for number in range(3):
            publish(
                MemberAdded(organization_id=organization.pk, user_id=number, role="MEMBER"),
                after={},
            )
    fan_out.fan_out(at=clock.now)
    return endpoints.enable_webhook(webhook=webhook)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
def test_nobody_waits_while_messages_are_looked_through(missed, olivia, clock, verb):
    since = clock.now - timedelta(days=1)

    with CaptureQueriesContext(connection) as seen:
        verb(webhook=missed, since=since, at=clock.now, by=olivia)

    statements = [query["sql"] for query in seen]
    looked = next(n for n, sql in enumerate(statements) if '"webhooks_webhookmessage"' in sql)
    locked = next(n for n, sql in enumerate(statements) if "FOR NO KEY UPDATE" in sql)
    assert looked < locked


def test_what_it_wants_no_more_when_it_is_locked_is_not_replayed(transactional_db, missed, clock):
    since = clock.now - timedelta(days=1)

    replayed = race.behind(
        lambda: endpoints.update_webhook(
            webhook=missed, settings={"event_types": ["member.removed"]}
        ),
        lambda: resending.replay_missing(webhook=missed, since=since, at=clock.now),
    )

    assert (replayed, WebhookDelivery.objects.count()) == (0, 0)


def test_how_it_wants_them_in_order_when_it_is_locked_holds(transactional_db, missed, clock):
    since = clock.now - timedelta(days=1)

    race.behind(
        lambda: endpoints.update_webhook(
            webhook=missed, settings={"ordering_path": "data.user_id"}
        ),
        lambda: resending.replay_missing(webhook=missed, since=since, at=clock.now),
    )

    keys = WebhookDelivery.objects.order_by("pk").values_list("ordering_key", flat=True)
    assert list(keys) == ["0", "1", "2"]


def test_large_messages_are_not_held_in_memory_at_once(missed, organization, clock):
    large, count = "x" * 50_000, 800
    WebhookMessage.objects.bulk_create(
        WebhookMessage(
            message_id=f"msg_{number}",
            organization=organization,
            event_type="member.added",
            payload={"type": "member.added", "data": {"user_id": number, "text": large}},
            occurred_at=clock.now,
            fanned_out_at=clock.now,
        )
        for number in range(count)
    )

    tracemalloc.start()
    found = resending.missing(webhook=missed, since=clock.now - timedelta(days=1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(found) == count + 3
    assert peak < count * len(large) / 2


def test_what_another_one_replayed_meanwhile_is_not_counted_again(transactional_db, missed, clock):
    since = clock.now - timedelta(days=1)

    second = race.behind(
        lambda: resending.replay_missing(webhook=missed, since=since, at=clock.now),
        lambda: resending.replay_missing(webhook=missed, since=since, at=clock.now),
    )

    assert (second, WebhookDelivery.objects.count()) == (0, 3)


def test_what_another_one_recovered_meanwhile_is_not_counted_again(transactional_db, missed, clock):
    since = clock.now - timedelta(days=1)
    resending.replay_missing(webhook=missed, since=since, at=clock.now)
    WebhookDelivery.objects.update(
        status=Status.FAILED, next_attempt_at=None, completed_at=clock.now
    )

    second = race.behind(
        lambda: resending.recover(webhook=missed, since=since, at=clock.now),
        lambda: resending.recover(webhook=missed, since=since, at=clock.now),
    )

    assert (second, WebhookDelivery.objects.filter(claims=1).count()) == (0, 3)
