"""From the outbox to the endpoint: what is sent, how it is signed, what is written down."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.utils import timezone
from standardwebhooks.webhooks import Webhook as Oracle

from tests.doubles.receiver import Call
from webhooks.models import (
    Outcome,
    Status,
    Trigger,
    WebhookAttempt,
    WebhookDelivery,
    WebhookMessage,
    WebhookSecret,
)
from webhooks.services import endpoints, results, sending
from webhooks.services.claims import LEASE

pytestmark = pytest.mark.django_db


def test_an_event_arrives_signed_with_its_id(endpoint, receiver, change, drain):
    webhook = endpoint(event_types=["organization.suspended"])
    message = change()

    assert drain() == 1

    (call,) = receiver.calls
    assert json.loads(call.body) == message.payload
    assert list(json.loads(call.body)) == ["type", "timestamp", "data"]
    assert call.message_id == message.message_id
    assert call.headers["content-type"] == "application/json"
    assert call.headers["user-agent"].startswith("Tollgate-Webhooks/")
    assert call.headers["webhook-signature"].startswith("v1,")
    assert webhook.secret.startswith("whsec_")


def test_every_attempt_is_written_down(endpoint, receiver, change, drain, clock):
    webhook = endpoint(event_types=["organization.suspended"])
    change()

    drain()

    delivery = WebhookDelivery.objects.get()
    attempt = WebhookAttempt.objects.get()
    assert (delivery.status, delivery.attempts, delivery.tries) == (Status.SUCCEEDED, 1, 1)
    assert (delivery.completed_at, delivery.next_attempt_at) == (clock.now, None)
    assert (delivery.last_outcome, delivery.last_status_code) == (Outcome.SUCCEEDED, 200)
    assert (attempt.delivery, attempt.webhook, attempt.number) == (delivery, webhook, 1)
    assert (attempt.trigger, attempt.outcome, attempt.status_code) == (
        Trigger.EVENT,
        Outcome.SUCCEEDED,
        200,
    )
    assert (attempt.at, attempt.url, attempt.address) == (clock.now, webhook.url, "127.0.0.1")
    assert attempt.response_body == "ok"
    assert attempt.response_headers == {"content-length": "2"}
    assert attempt.signature == receiver.calls[0].headers["webhook-signature"]


def test_who_did_not_subscribe_is_passed_over_with_the_reason(endpoint, change, drain):
    other = endpoint(event_types=["member.*", "api_key.revoked"])
    filtered = endpoint(filters=[{"path": "data.reason", "operator": "equals", "value": "fraud"}])
    message = change()

    drain()

    message.refresh_from_db()
    assert message.passed_over == {str(other.pk): "event_type", str(filtered.pk): "filter:0"}
    assert not message.deliveries.exists()


@pytest.mark.parametrize("signature", ["symmetric", "ed25519"])
def test_signatures_pass_the_standards_own_library(signature, endpoint, receiver, change):
    webhook = endpoint(signature=signature)
    change()

    sending.drain()

    assert len(receiver.calls) == 2
    for call in receiver.calls:
        _verified(webhook.secret, call)


def test_old_and_new_secret_both_verify_during_the_overlap(endpoint, receiver, change):
    webhook = endpoint()
    new = endpoints.rotate_secret(webhook=webhook, at=timezone.now())
    change()

    sending.drain()

    # The rotation itself is told as well.
    assert len(receiver.calls) == 3
    for call in receiver.calls:
        assert len(call.headers["webhook-signature"].split(" ")) == 2
        _verified(webhook.secret, call)
        _verified(new, call)


def _verified(shown: str, call: Call) -> None:
    """Check as a receiver does who has only what was shown: the standard's Python library knows no Ed25519."""
    if shown.startswith("whsec_"):
        Oracle(shown).verify(call.body, call.headers)
        return
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(shown.removeprefix("whpk_")))
    version, _, value = call.headers["webhook-signature"].partition(",")
    assert version == "v1a"
    signed = f"{call.message_id}.{call.headers['webhook-timestamp']}.".encode() + call.body
    key.verify(base64.b64decode(value), signed)


def test_custom_headers_are_sent_and_never_ours_overridden(endpoint, receiver, change, drain):
    endpoint(headers={"X-Token": "s3cret"})
    change()

    drain()

    assert {call.headers["x-token"] for call in receiver.calls} == {"s3cret"}


def test_an_endpoint_gets_a_message_once_however_often_it_is_handed_out(
    endpoint, receiver, change, drain, clock
):
    endpoint()
    change()
    drain()
    WebhookMessage.objects.update(fanned_out_at=None)

    drain()

    assert len(receiver.ids) == len(set(receiver.ids)) == 2


def test_a_disabled_endpoint_is_passed_over(endpoint, receiver, change, drain, clock):
    webhook = endpoint()
    endpoints.disable_webhook(webhook=webhook, at=clock.now)
    WebhookMessage.objects.filter(fanned_out_at=None).delete()
    message = change()

    assert drain() == 0

    message.refresh_from_db()
    assert message.passed_over == {str(webhook.pk): "disabled"}
    assert receiver.calls == []


def test_another_organizations_events_go_elsewhere(
    endpoint, receiver, change, drain, foreign_organization
):
    endpoint(organization=foreign_organization)
    change()

    assert drain() == 0
    assert receiver.calls == []


def test_a_secret_that_cannot_be_read_fails_its_own_endpoint_only(
    endpoint, receiver, change, drain
):
    lost = endpoint("/lost")
    endpoint("/well")
    WebhookSecret.objects.filter(webhook=lost).update(secret_encrypted="gone:AAAA")
    change()

    drain()

    assert {call.path for call in receiver.calls} == {"/well"}
    attempts = WebhookAttempt.objects.filter(webhook=lost)
    assert {attempt.error for attempt in attempts} == {"The request could not be prepared."}


@pytest.mark.parametrize("kind", ["slack", "discord", "teams"])
def test_chat_programs_get_their_own_form(kind, endpoint, receiver, change, drain):
    endpoint(kind=kind, event_types=["organization.suspended"])
    change(reason="unpaid <!channel>")

    drain()

    (call,) = receiver.calls
    body = call.body.decode()
    assert "organization.suspended" in body
    assert "<!channel>" not in body


def test_a_result_that_cannot_be_written_holds_up_its_own_delivery_only(
    endpoint, receiver, change, drain, clock, monkeypatch
):
    types = ["organization.suspended"]
    odd, well = endpoint("/status/500", event_types=types), endpoint("/well", event_types=types)
    change()

    def fail(*_args, **_values):
        raise ValueError

    with monkeypatch.context() as broken:
        broken.setattr(results, "retry_after", fail)
        drain()
    held = WebhookDelivery.objects.get(webhook=odd)
    assert (held.status, held.attempts, held.leased_until) == ("PENDING", 0, clock.now + LEASE)
    assert WebhookDelivery.objects.get(webhook=well).status == Status.SUCCEEDED

    clock.now += LEASE
    drain()

    held.refresh_from_db()
    assert (held.attempts, held.leased_until) == (1, None)
