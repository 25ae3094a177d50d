"""One endpoint that hangs takes nothing from the others."""

import threading
import time
from datetime import timedelta
from statistics import quantiles

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from config.common import http
from config.common.events import publish
from organizations.signals import MemberAdded
from tests.factories.organizations import OrganizationFactory
from tests.patience import Machine, at_most, until
from webhooks.models import Status, Webhook, WebhookAttempt, WebhookDelivery
from webhooks.services import sending


def tell(organization, count=1):
    with transaction.atomic():
        for _ in range(count):
            publish(
                MemberAdded(organization_id=organization.pk, user_id=1, role="MEMBER"), after={}
            )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("hanging", "healthy", "pause", "patience"),
    [
        (60, 25, 0.05, 1.5),
        pytest.param(300, 40, 0.05, 2.0, marks=pytest.mark.trial),
        pytest.param(2_000, 300, 0.1, 15.0, marks=pytest.mark.trial),
    ],
)
def test_an_endpoint_that_hangs_leaves_others_their_pace(
    hanging, healthy, pause, patience, endpoint, organization, receiver, monkeypatch
):
    monkeypatch.setattr(http, "TOTAL_SECONDS", patience)
    other = OrganizationFactory.create()
    stuck = endpoint("/hang", event_types=["member.added"], concurrency=10)
    well = endpoint("/well", organization=other, event_types=["member.added"])
    tell(organization, hanging)
    is_over = threading.Event()
    drain = threading.Thread(target=_drain_until, args=(is_over,))
    with Machine() as machine:
        drain.start()
        until(lambda: receiver.calls_to("/hang"))
        for _ in range(healthy):
            tell(other)
            time.sleep(pause)
        until(lambda: len(receiver.calls_to("/well")) >= healthy)
        is_over.set()
        drain.join()

    delays = WebhookAttempt.objects.filter(webhook=well).values_list(
        F("at") - F("delivery__message__created_at"), flat=True
    )
    assert len(delays) == healthy
    assert quantiles(delays, n=20)[-1] <= timedelta(seconds=2 + machine.stood_still)
    assert len({call.message_id for call in receiver.calls_to("/hang")}) <= 10
    assert WebhookDelivery.objects.filter(webhook=stuck, status=Status.SUCCEEDED).count() == 0


def _drain_until(is_over: threading.Event) -> None:
    try:
        while not is_over.is_set():
            sending.drain(seconds=100, linger=0.5)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_its_circuit_opens_and_its_slots_are_free_again(
    endpoint, organization, receiver, monkeypatch
):
    monkeypatch.setattr(http, "TOTAL_SECONDS", 0.4)
    stuck = endpoint("/hang", event_types=["member.added"])
    tell(organization, 50)

    with at_most(0.4 * 5 + 2):
        sending.drain(seconds=10)

    stuck.refresh_from_db()
    assert len(receiver.calls) <= 6
    assert stuck.failures_in_a_row >= 5
    assert stuck.circuit_open_until is not None
    assert stuck.circuit_open_until > timezone.now()
    held = WebhookDelivery.objects.filter(leased_until__isnull=False)
    assert not held.exists()
    assert Webhook.objects.get(pk=stuck.pk).is_enabled
