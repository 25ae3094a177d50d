"""The back office of webhooks: everything is shown but secrets, actions go through services and are audited, and the console."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Notice, PlatformRole, User
from audit.models import AuditLog
from tests.factories.webhooks import WebhookFactory
from webhooks.models import (
    ConformanceRun,
    DisabledReason,
    FeedPosition,
    Outcome,
    RunStatus,
    Status,
    Trigger,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
)
from webhooks.services import endpoints, testing

pytestmark = pytest.mark.django_db


def page(model, name="changelist", *arguments):
    """Return the path of one of a model's pages."""
    return reverse(f"admin:webhooks_{model}_{name}", args=arguments)


def act(client, model, action, *rows, **more):
    """Choose rows and do something to them; return the messages above the page."""
    body = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    answer = client.post(page(model), body, follow=True)
    return [str(message) for message in answer.context["messages"]]


@pytest.fixture
def office(portal_as, sam):
    """Return Sam's browser."""
    return portal_as(sam)


@pytest.fixture
def webhook(organization):
    return WebhookFactory.create(organization=organization, headers={"X-Token": "s3cret-value"})


@pytest.fixture
def delivery(webhook):
    return testing.send_test(webhook=webhook, at=timezone.now())


@pytest.fixture
def attempt(delivery):
    return WebhookAttempt.objects.create(
        delivery=delivery,
        webhook=delivery.webhook,
        number=1,
        trigger=Trigger.TEST,
        at=timezone.now(),
        duration_ms=4,
        outcome=Outcome.BLOCKED,
        url="https://hooks.example.com/moved",
        error="The address is private, local or reserved.",
    )


def test_every_page_renders_and_shows_no_secret(office, organization, webhook, delivery, attempt):
    rows = {
        "webhook": webhook,
        "webhookdelivery": delivery,
        "webhookattempt": attempt,
        "webhookmessage": delivery.message,
        "conformancerun": ConformanceRun.objects.create(
            organization=organization,
            webhook=webhook,
            url=webhook.url,
            probes_total=15,
            status=RunStatus.FAILED,
            completed_at=timezone.now(),
        ),
        "feedposition": FeedPosition.objects.create(
            organization=organization, consumer="books", position=0, acknowledged_at=timezone.now()
        ),
    }

    for model, row in rows.items():
        for answer in (
            office.get(page(model)),
            office.get(page(model), {"q": "x"}),
            office.get(page(model, "change", row.pk)),
        ):
            text = answer.content.decode()
            assert answer.status_code == 200, model
            assert webhook.secret not in text
            assert "s3cret-value" not in text
            assert webhook.headers_encrypted not in text
        assert office.get(page(model, "add")).status_code == 403, model
        assert office.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403, model


def test_switching_off_needs_a_reason(office, webhook):
    said = act(office, "webhook", "force_disable", webhook, reason=" ")

    webhook.refresh_from_db()
    assert said == ["Give a reason beside the action."]
    assert webhook.is_enabled


def test_switching_off_stops_tells_and_is_on_record(
    office, olivia, adam, mia, sam, webhook, delivery
):
    said = act(office, "webhook", "force_disable", webhook, reason="It floods a third party.")

    webhook.refresh_from_db()
    delivery.refresh_from_db()
    entry = AuditLog.objects.get(event="webhook.force_disabled")
    assert said == ["Switched off: 1."]
    assert webhook.disabled_reason == DisabledReason.STAFF
    assert delivery.status == Status.CANCELED
    assert (entry.actor_id, entry.target_id) == (sam.pk, webhook.pk)
    assert "It floods a third party." in entry.summary
    told = Notice.objects.filter(kind="webhook.force_disabled")
    assert {notice.user_id for notice in told} == {olivia.pk, adam.pk}
    assert all("It floods a third party." in notice.body for notice in told)


def test_staff_switches_on_what_staff_switched_off(office, webhook):
    endpoints.disable_webhook(webhook=webhook, at=timezone.now(), reason=DisabledReason.STAFF)

    said = act(office, "webhook", "enable", webhook)

    webhook.refresh_from_db()
    assert said == ["Switched on: 1."]
    assert webhook.is_enabled
    assert AuditLog.objects.filter(event="webhook.enabled", target_id=webhook.pk).count() == 1


def test_closing_a_circuit(office, webhook):
    Webhook.objects.filter(pk=webhook.pk).update(
        circuit_open_until=timezone.now() + timedelta(minutes=5)
    )

    act(office, "webhook", "try_now", webhook)
    act(office, "webhook", "try_now", webhook)

    webhook.refresh_from_db()
    assert webhook.circuit_open_until is None
    assert AuditLog.objects.filter(event="webhook.circuit_closed").count() == 1


def test_recovering_the_last_day(office, webhook, delivery):
    WebhookDelivery.objects.update(
        status=Status.FAILED, next_attempt_at=None, completed_at=timezone.now()
    )

    act(office, "webhook", "recover_day", webhook)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.trigger) == (Status.PENDING, Trigger.RECOVERY)


def test_resending_a_delivery_and_what_is_refused(office, webhook, delivery):
    WebhookDelivery.objects.update(
        status=Status.FAILED, next_attempt_at=None, completed_at=timezone.now()
    )
    sent = act(office, "webhookdelivery", "resend", delivery)
    delivery.refresh_from_db()
    endpoints.disable_webhook(webhook=webhook, at=timezone.now())

    refused = act(office, "webhookdelivery", "resend", delivery)

    assert sent == ["Sent again: 1."]
    assert delivery.trigger == Trigger.RESEND
    assert len(refused) == 1
    assert "Enable the webhook first." in refused[0]


def test_states_are_filtered(office, organization, webhook):
    failing = WebhookFactory.create(organization=organization)
    Webhook.objects.filter(pk=failing.pk).update(
        failing_since=timezone.now(), circuit_open_until=timezone.now() + timedelta(minutes=1)
    )
    off = WebhookFactory.create(organization=organization)
    endpoints.disable_webhook(webhook=off, at=timezone.now())

    def found(state):
        return [
            row.pk
            for row in office.get(page("webhook"), {"state": state}).context["cl"].result_list
        ]

    assert found("enabled") == [webhook.pk]
    assert found("failing") == found("circuit") == [failing.pk]
    assert found("disabled") == [off.pk]


def test_the_console_shows_what_is_stuck_blocked_or_left_alone(
    office, organization, webhook, delivery, attempt
):
    now = timezone.now()
    WebhookDelivery.objects.update(next_attempt_at=now - timedelta(minutes=10))
    left_alone = WebhookFactory.create(organization=organization)
    testing.send_test(webhook=left_alone, at=now - timedelta(hours=1))
    Webhook.objects.filter(pk=left_alone.pk).update(
        failing_since=now, failures_in_a_row=9, circuit_open_until=now + timedelta(minutes=5)
    )

    answer = office.get(reverse("admin:webhooks_console"))

    assert [row.pk for row in answer.context["stuck"]] == [delivery.pk]
    assert [(row.pk, row.waiting) for row in answer.context["circuits"]] == [(left_alone.pk, 1)]
    assert [row["url"] for row in answer.context["blocked"]] == ["https://hooks.example.com/moved"]
    assert "10 minutes ago" in answer.content.decode()
    assert [
        row.pk
        for row in office.get(page("webhookdelivery"), {"queue": "stuck"}).context["cl"].result_list
    ] == [delivery.pk]
    assert b"Console" in office.get(page("webhook")).content


def test_an_empty_console_says_so(office):
    text = office.get(reverse("admin:webhooks_console")).content.decode()

    assert "whatever was due has been tried" in text
    assert "no endpoint is being left alone" in text


def test_waking_those_who_send_takes_a_post(office, monkeypatch):
    rung = []
    monkeypatch.setattr("webhooks.services.doorbell.ring", lambda: rung.append(True))

    assert office.get(reverse("admin:webhooks_wake")).status_code == 403
    assert rung == []
    assert office.post(reverse("admin:webhooks_wake")).status_code == 302
    assert rung == [True]


def test_who_is_no_staff_sees_and_changes_nothing(portal_as, sam, webhook, delivery):
    User.objects.filter(pk=sam.pk).update(role=PlatformRole.VIEWER)
    looking = portal_as(User.objects.get(pk=sam.pk))
    WebhookDelivery.objects.update(
        status=Status.FAILED, next_attempt_at=None, completed_at=timezone.now()
    )

    seen = looking.get(reverse("admin:webhooks_console"))
    for model, action, row in (
        ("webhook", "force_disable", webhook),
        ("webhook", "recover_day", webhook),
        ("webhookdelivery", "resend", delivery),
    ):
        body = {"action": action, "_selected_action": [row.pk], "reason": "x"}
        looking.post(page(model), body)

    webhook.refresh_from_db()
    delivery.refresh_from_db()
    assert seen.status_code == 302
    assert looking.post(reverse("admin:webhooks_wake")).status_code == 403
    assert webhook.is_enabled
    assert delivery.status == Status.FAILED
    assert not AuditLog.objects.filter(event="webhook.deliveries_requeued").exists()


@pytest.mark.parametrize("model", ["webhook", "webhookdelivery", "webhookattempt"])
def test_lists_cost_the_same_for_many(office, webhook, delivery, attempt, count_queries, model):
    few = count_queries(office, page(model))
    for number in range(2, 8):
        again = testing.send_test(webhook=webhook, at=timezone.now())
        WebhookAttempt.objects.create(
            delivery=again,
            webhook=webhook,
            number=number,
            trigger=Trigger.TEST,
            at=timezone.now(),
            duration_ms=4,
            outcome=Outcome.SUCCEEDED,
            url=webhook.url,
        )

    assert count_queries(office, page(model)) == few
