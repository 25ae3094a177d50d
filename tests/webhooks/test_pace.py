"""Sending does not wait for writing down."""

import threading

import pytest
from django.db import connection, transaction

from config.common.events import publish
from organizations.signals import MemberAdded
from tests.patience import until
from webhooks.models import Status, WebhookDelivery
from webhooks.services import claims, sending


@pytest.mark.django_db(transaction=True)
def test_an_endpoint_gets_all_there_is_before_its_first_results_are_written(
    endpoint, organization, receiver, clock
):
    endpoint(event_types=["member.added"])
    with transaction.atomic():
        for _ in range(3 * claims.FIRST_SHARE):
            event = MemberAdded(organization_id=organization.pk, user_id=1, role="MEMBER")
            publish(event, after={})

    def drain():
        sending.drain(clock=clock)
        connection.close()

    sender = threading.Thread(target=drain)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE webhooks_webhookattempt IN EXCLUSIVE MODE")
        sender.start()
        until(
            lambda: len(receiver.calls) == 3 * claims.FIRST_SHARE, "it waited for what is written"
        )
        assert not WebhookDelivery.objects.exclude(status=Status.PENDING).exists()
    sender.join()

    assert WebhookDelivery.objects.filter(status=Status.SUCCEEDED).count() == len(receiver.calls)
