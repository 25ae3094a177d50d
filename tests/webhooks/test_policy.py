"""What becomes of a delivery by what the endpoint answers, under a clock of the test's own."""

import ssl
from datetime import timedelta

import pytest

from accounts.models import Notice
from config.common.models import OutgoingMail
from tests.doubles.receiver import response, running_receiver
from webhooks import retry
from webhooks.models import (
    DisabledReason,
    Outcome,
    Status,
    Trigger,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookMessage,
)
from webhooks.services import endpoints, resending, testing

pytestmark = pytest.mark.django_db
TYPES = {"event_types": ["organization.suspended"]}


def owed() -> WebhookDelivery:
    return WebhookDelivery.objects.get()


@pytest.mark.parametrize(
    ("path", "outcome", "status", "first_wait"),
    [
        ("/status/500", Outcome.REFUSED, 500, 5),
        ("/status/404", Outcome.REFUSED, 404, 5),
        ("/redirect", Outcome.REDIRECTED, 301, 5),
        ("/status/429", Outcome.REFUSED, 429, 60),
        ("/status/429/90", Outcome.REFUSED, 429, 90),
        ("/status/503/8", Outcome.REFUSED, 503, 8),
        ("/reset", Outcome.UNREACHABLE, None, 5),
        ("/garbage", Outcome.MALFORMED, None, 5),
    ],
)
def test_what_fails_is_tried_again_by_the_schedule(
    path, outcome, status, first_wait, endpoint, receiver, change, drain, clock
):
    endpoint(path, **TYPES)
    change()

    drain()

    delivery = owed()
    assert (delivery.status, delivery.tries) == (Status.PENDING, 1)
    assert (delivery.last_outcome, delivery.last_status_code) == (outcome, status)
    assert delivery.next_attempt_at == clock.now + timedelta(seconds=first_wait)
    assert len(receiver.calls) == 1


def test_a_whole_round_is_ten_attempts_to_the_second(endpoint, receiver, change, drain, clock):
    endpoint("/status/500", **TYPES)
    change()
    drain()
    started, made = clock.now, [0.0]

    for wait in retry.SCHEDULE:
        clock.pass_by(seconds=wait.total_seconds() - 1)
        drain()
        assert WebhookAttempt.objects.count() == len(made)
        clock.pass_by(seconds=1)
        drain()
        made.append((clock.now - started).total_seconds())

    assert made == [0, 5, 305, 2105, 9305, 27305, 63305, 113705, 185705, 272105]
    times = WebhookAttempt.objects.order_by("id").values_list("at", flat=True)
    assert [(at - started).total_seconds() for at in times] == made
    assert list(WebhookAttempt.objects.order_by("id").values_list("number", flat=True)) == list(
        range(1, 11)
    )
    delivery = owed()
    assert (delivery.status, delivery.attempts, delivery.completed_at) == (
        Status.FAILED,
        10,
        clock.now,
    )
    assert len(set(receiver.ids)) == 1
    triggers = list(WebhookAttempt.objects.order_by("id").values_list("trigger", flat=True))
    assert triggers == [Trigger.EVENT, *[Trigger.RETRY] * 9]


def test_a_time_out_waits_a_minute(endpoint, change, drain, clock, monkeypatch):
    monkeypatch.setattr("config.common.http.TOTAL_SECONDS", 0.3)
    endpoint("/hang", **TYPES)
    change()

    drain()

    assert owed().last_outcome == Outcome.TIMED_OUT
    assert owed().next_attempt_at == clock.now + timedelta(seconds=60)


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    endpoint, change, drain, clock, certificate
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    webhook = endpoint(**TYPES)
    change()
    with running_receiver(context) as encrypted:
        endpoints.update_webhook(webhook=webhook, settings={"url": encrypted.url()})

        drain()

    attempt = WebhookAttempt.objects.get()
    assert (attempt.outcome, encrypted.calls) == (Outcome.UNTRUSTED, [])
    assert attempt.error == "The certificate is not valid: self-signed certificate."
    assert owed().next_attempt_at == clock.now + timedelta(seconds=5)


def test_a_later_success_ends_it(endpoint, receiver, change, drain, clock):
    webhook = endpoint("/status/500", **TYPES)
    change()
    drain()
    receiver.answer = lambda _call: response(204, body=b"")
    clock.pass_by(seconds=5)

    drain()

    webhook.refresh_from_db()
    assert (owed().status, owed().attempts) == (Status.SUCCEEDED, 2)
    assert (webhook.failing_since, webhook.failures_in_a_row) == (None, 0)


def test_gone_switches_the_endpoint_off(endpoint, change, drain, clock):
    webhook = endpoint("/status/410", **TYPES)
    change()

    drain()

    webhook.refresh_from_db()
    assert (webhook.disabled_at, webhook.disabled_reason) == (clock.now, DisabledReason.GONE)
    assert owed().status == Status.FAILED
    assert mails() == [("webhooks/disabled", "olivia@example.com")]
    assert WebhookMessage.objects.filter(event_type="webhook.disabled").count() == 1


def test_five_days_of_failures_are_noticed_and_switch_it_off(
    endpoint, receiver, change, drain, clock
):
    webhook = endpoint("/status/500", **TYPES)
    told: dict[str, int] = {}

    for hour in range(0, 125, 4):
        change()
        drain()
        for kind, _ in mails():
            told.setdefault(kind, hour)
        clock.pass_by(hours=4)

    webhook.refresh_from_db()
    assert webhook.disabled_reason == DisabledReason.FAILING
    assert [kind for kind, _ in mails()] == [
        "webhooks/failing",
        "webhooks/failing",
        "webhooks/disabled",
    ]
    assert told == {"webhooks/failing": 60, "webhooks/disabled": 120}
    noticed = WebhookMessage.objects.filter(event_type="webhook.failures_noticed").order_by("id")
    assert [message.payload["data"]["percent"] for message in noticed] == [50, 90, 100]
    assert not WebhookDelivery.objects.filter(status=Status.PENDING).exists()


def test_recovery_after_a_notice_is_told(endpoint, receiver, change, drain, clock):
    webhook = endpoint("/status/500", **TYPES)
    change()
    drain()
    clock.pass_by(hours=61)
    drain()
    receiver.answer = lambda _call: response(200)
    clock.pass_by(hours=1)

    change()
    drain()

    webhook.refresh_from_db()
    assert (webhook.noticed_percent, webhook.failing_since) == (0, None)
    assert [kind for kind, _ in mails()] == ["webhooks/failing", "webhooks/recovered"]
    told = Notice.objects.filter(kind__startswith="webhook.").order_by("id")
    assert [(notice.kind, notice.user.email, notice.link) for notice in told] == [
        ("webhook.failures_noticed", "olivia@example.com", f"/webhooks/{webhook.pk}/"),
        ("webhook.recovered", "olivia@example.com", f"/webhooks/{webhook.pk}/"),
    ]
    assert WebhookMessage.objects.filter(event_type="webhook.recovered").count() == 1


def test_one_success_in_five_days_is_enough(endpoint, receiver, change, drain, clock):
    webhook = endpoint("/status/500", **TYPES)
    for day in range(12):
        receiver.answer = (lambda _call: response(200)) if day % 4 == 3 else None
        change()
        drain()
        clock.pass_by(days=1)

    webhook.refresh_from_db()
    assert webhook.is_enabled


def test_an_open_circuit_holds_everything_back_and_one_delivery_tries_it(
    endpoint, receiver, change, drain, clock
):
    webhook = endpoint("/status/500", concurrency=1)
    for _ in range(6):
        change()
    drain()
    attempts = WebhookAttempt.objects.count()
    webhook.refresh_from_db()
    assert attempts == 5
    assert webhook.circuit_open_until == clock.now + timedelta(seconds=30)
    clock.pass_by(seconds=29)
    assert drain() == 0
    clock.pass_by(seconds=1)
    assert drain() == 1
    receiver.answer = lambda _call: response(200)
    clock.pass_by(minutes=10)

    drain()

    assert not WebhookDelivery.objects.exclude(status=Status.SUCCEEDED).exists()
    webhook.refresh_from_db()
    assert webhook.circuit_open_until is None
    assert Webhook.objects.get().failures_in_a_row == 0


def test_failures_with_nothing_sent_in_between_are_no_five_days(
    endpoint, receiver, change, drain, clock
):
    webhook = endpoint("/status/500", **TYPES)
    change()
    drain()
    WebhookDelivery.objects.update(
        status=Status.FAILED, next_attempt_at=None, completed_at=clock.now
    )
    clock.pass_by(days=30)
    change()

    drain()

    webhook.refresh_from_db()
    assert (webhook.is_enabled, webhook.failing_since, mails()) == (True, clock.now, [])
    assert webhook.failures_in_a_row == 2


@pytest.mark.parametrize(
    "act",
    [
        lambda webhook, at: testing.send_test(webhook=webhook, at=at),
        lambda webhook, at: resending.resend(delivery=webhook.deliveries.earliest("id"), at=at),
        lambda webhook, at: endpoints.update_webhook(webhook=webhook, settings={"concurrency": 2}),
    ],
    ids=["a test", "a resend", "a change"],
)
def test_who_mends_an_endpoint_need_not_wait_for_its_circuit(
    act, endpoint, receiver, change, drain, clock
):
    webhook = endpoint("/status/500", concurrency=1, **TYPES)
    for _ in range(6):
        change()
    drain()
    receiver.answer = lambda _call: response(200)
    assert drain() == 0

    act(webhook, clock.now)
    clock.pass_by(seconds=5)
    drain()

    assert not WebhookDelivery.objects.exclude(status=Status.SUCCEEDED).exists()


def test_what_an_answer_quotes_of_custom_headers_is_not_kept(endpoint, receiver, change, drain):
    odd = {"X-Odd": '","x-seen":"'}
    endpoint(headers={"Authorization": "Bearer s3cret-of-mine", "X-Shop": "one", **odd}, **TYPES)

    def quote(call):
        token = call.headers["authorization"]
        return response(500, f"X-Seen: {token}", body=f"one request with {token}".encode())

    receiver.answer = quote
    change()

    drain()

    attempt = WebhookAttempt.objects.get()
    assert attempt.response_body == "one request with Bearer •••"
    assert attempt.response_headers["x-seen"] == "Bearer •••"


def mails():
    rows = OutgoingMail.objects.filter(kind__startswith="webhooks/").order_by("id")
    return list(rows.values_list("kind", "recipient"))
