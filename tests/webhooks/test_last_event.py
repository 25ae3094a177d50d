"""The closing of an organization is the last event that its endpoints are told of."""

import json

import pytest
from django.db import transaction

from organizations import access
from organizations.services import closing, suspension
from tests.doubles.receiver import response
from webhooks.models import DisabledReason, Status, WebhookDelivery, WebhookMessage
from webhooks.services import endpoints, resending

pytestmark = pytest.mark.django_db


def close(organization, at):
    closing.close(tenant=access.on_behalf_of(organization), confirmation=organization.name, at=at)


def types_sent(receiver):
    return [json.loads(call.body)["type"] for call in receiver.calls]


def test_it_is_sent_to_who_subscribed_and_was_not_off_before(
    organization, endpoint, receiver, drain, clock
):
    told = endpoint("/all")
    endpoint("/narrow", event_types=["member.*"])
    off = endpoint("/off")
    endpoints.disable_webhook(webhook=off, at=clock.now)
    WebhookMessage.objects.filter(fanned_out_at=None).delete()
    suspension.suspend(organization=organization, reason="unpaid")
    suspension.reinstate(organization=organization)

    close(organization, clock.now)
    drain()
    drain()

    assert ([call.path for call in receiver.calls], types_sent(receiver)) == (
        ["/all"],
        ["organization.closed"],
    )
    told.refresh_from_db()
    assert told.disabled_reason == DisabledReason.CLOSED
    sent = WebhookDelivery.objects.get()
    assert (sent.webhook, sent.status) == (told, Status.SUCCEEDED)
    with pytest.raises(resending.EndpointDisabled):
        resending.resend(delivery=sent, at=clock.now)


def test_it_is_retried_like_any_other(organization, endpoint, receiver, drain, clock):
    endpoint("/status/500")
    close(organization, clock.now)
    drain()
    receiver.answer = lambda _call: response(200)

    clock.pass_by(seconds=5)
    drain()

    assert types_sent(receiver) == ["organization.closed"] * 2
    assert WebhookDelivery.objects.get().status == Status.SUCCEEDED


def test_a_closing_that_is_taken_back_is_told_to_nobody(
    organization, endpoint, receiver, drain, clock
):
    webhook = endpoint()
    with transaction.atomic():
        close(organization, clock.now)
        transaction.set_rollback(True)

    drain()

    assert types_sent(receiver) == []
    webhook.refresh_from_db()
    assert webhook.is_enabled
