"""The doorbell: one job for a burst of changes, none while somebody is sending, and nobody rings in vain."""

import pytest
import redis
from django.db import transaction

from config.common import jobs
from config.common import redis as connections
from organizations.services import suspension
from webhooks.models import WebhookDelivery, WebhookMessage
from webhooks.services import doorbell, sending


@pytest.fixture
def rung(monkeypatch):
    """Keep the names of the jobs that were asked for."""
    names: list[str] = []
    monkeypatch.setattr(jobs, "enqueue_now", names.append)
    return names


def test_a_ring_asks_for_one_job_until_it_is_answered(rung):
    for _ in range(3):
        doorbell.ring()
    assert rung == ["webhooks.deliver"]

    assert doorbell.answer() is True
    doorbell.ring()
    doorbell.ring()

    assert rung == ["webhooks.deliver"]
    assert doorbell.answer() is True
    assert doorbell.answer() is False


def test_who_rings_as_the_drain_ends_is_heard(rung):
    doorbell.answer()
    doorbell.ring()

    assert doorbell.leave() is True
    assert rung == []
    assert doorbell.leave() is False
    doorbell.ring()
    assert rung == ["webhooks.deliver"]


@pytest.mark.django_db(transaction=True)
def test_a_committed_change_rings_and_one_that_is_rolled_back_does_not(organization, rung):
    rung.clear()
    doorbell.leave()

    with transaction.atomic():
        suspension.suspend(organization=organization, reason="unpaid")
        transaction.set_rollback(True)
    assert rung == []
    suspension.suspend(organization=organization, reason="unpaid")

    assert rung == ["webhooks.deliver"]


@pytest.mark.django_db(transaction=True)
def test_a_change_is_committed_though_the_bell_is_out_of_order(organization, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(connections, "client", broken)

    suspension.suspend(organization=organization, reason="unpaid")

    assert WebhookMessage.objects.filter(event_type="organization.suspended").exists()


@pytest.mark.django_db
def test_a_drain_works_without_redis(endpoint, organization, receiver, monkeypatch, clock):
    endpoint()
    suspension.suspend(organization=organization, reason="unpaid")

    def broken(*_: object, **__: object) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(connections, "client", broken)

    assert sending.drain(clock=clock) == 1
    assert len(receiver.calls) == 1


@pytest.mark.django_db
def test_only_so_many_drains_work_at_once(endpoint, organization, receiver, settings, clock):
    endpoint()
    suspension.suspend(organization=organization, reason="unpaid")
    settings.WEBHOOK_SENDERS = 0

    assert sending.drain(clock=clock) == 0
    assert not WebhookDelivery.objects.exists()
