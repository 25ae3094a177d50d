"""What operators do on the command line."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import AuditLog
from billing.models import SubscriptionStatus
from billing.services import subscriptions
from organizations.services import suspension
from tests.doubles.receiver import response
from webhooks.models import Status, Trigger, WebhookAttempt, WebhookDelivery, WebhookMessage
from webhooks.services import endpoints, resending, sending, upkeep

pytestmark = pytest.mark.django_db
TYPES = {"event_types": ["organization.suspended"]}


def run(name, *arguments):
    out, err = StringIO(), StringIO()
    call_command(name, *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def failed(organization, endpoint, receiver):
    """Have a delivery that was given up an hour ago."""
    webhook = endpoint("/status/500", **TYPES)
    suspension.suspend(organization=organization, reason="unpaid")
    sending.drain()
    WebhookDelivery.objects.update(
        status=Status.FAILED, next_attempt_at=None, completed_at=timezone.now()
    )
    WebhookMessage.objects.update(occurred_at=timezone.now() - timedelta(hours=1))
    receiver.answer = lambda _call: response(200)
    receiver.calls.clear()
    return webhook


def test_what_failed_since_a_time_is_sent_again(failed, receiver):
    out, _ = run("redeliver_webhooks", "--since", "2h", "--status", "failed")

    assert out == f"webhook {failed.pk}: 1\n1 delivery is sent again.\n"
    assert sending.drain() == 1
    assert len(receiver.calls) == 1
    entry = AuditLog.objects.get(event="webhook.deliveries_requeued")
    assert (entry.actor_type, entry.actor_label) == ("command", "redeliver_webhooks")


@pytest.mark.parametrize(
    "arguments",
    [("--since", "30m"), ("--since", "2h", "--until", "90m"), ("--since", "2h", "--status", "canceled"),
     ("--since", "2h", "--webhook", "999999")],
)  # fmt: skip
def test_what_is_not_meant_is_left_alone(arguments, failed):
    out, _ = run("redeliver_webhooks", *arguments)

    assert out == "0 deliveries are sent again.\n"
    assert WebhookDelivery.objects.get().status == Status.FAILED


def test_one_organization_can_be_chosen(failed, foreign_organization, organization):
    theirs, _ = run(
        "redeliver_webhooks", "--since", "2h", "--organization", foreign_organization.slug
    )
    ours, _ = run("redeliver_webhooks", "--since", "2h", "--organization", str(organization.pk))

    assert theirs.startswith("0 ")
    assert ours.endswith("1 delivery is sent again.\n")


def test_a_dry_run_only_counts(failed):
    out, _ = run("redeliver_webhooks", "--since", "2h", "--dry-run")

    assert out.endswith("1 delivery would be sent again.\n")
    assert WebhookDelivery.objects.get().status == Status.FAILED


def test_what_was_never_sent_is_sent(failed):
    WebhookDelivery.objects.all().delete()

    counted, _ = run("redeliver_webhooks", "--since", "2h", "--status", "missing", "--dry-run")
    sent, _ = run("redeliver_webhooks", "--since", "2h", "--status", "missing")

    assert counted.endswith("1 delivery would be sent again.\n")
    assert sent.endswith("1 delivery is sent again.\n")
    assert sending.drain() == 1


def test_a_disabled_endpoint_is_named_and_left_alone(failed):
    endpoints.disable_webhook(webhook=failed, at=timezone.now())

    out, err = run("redeliver_webhooks", "--since", "2h")

    assert out == "0 deliveries are sent again.\n"
    assert err == f"webhook {failed.pk} is disabled (customer)\n"


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-03-01T12:00", "2026-99-01T12:00Z", "5w", "999999d", ""]
)
def test_an_unreadable_time_is_refused(text, failed):
    with pytest.raises(CommandError, match="is no time"):
        run("redeliver_webhooks", "--since", text)


def test_a_test_event_is_owed(endpoint, receiver):
    webhook = endpoint(**TYPES)

    out, _ = run("send_test_webhook", str(webhook.pk), "--type", "member.added")

    message = WebhookMessage.objects.get(is_test=True)
    assert out == f"{message.message_id} is owed to {webhook.url}.\n"
    assert receiver.calls == []


def test_a_test_event_is_sent_now(endpoint, receiver):
    webhook = endpoint("/status/503")

    out, _ = run("send_test_webhook", str(webhook.pk), "--now")

    assert "Answered with another status: 503" in out
    assert WebhookAttempt.objects.get().status_code == 503


def test_a_test_event_of_no_type_or_to_nobody_is_refused(endpoint):
    webhook = endpoint()

    with pytest.raises(CommandError, match="No event is called"):
        run("send_test_webhook", str(webhook.pk), "--type", "nothing.happened")
    with pytest.raises(CommandError, match="There is no webhook 999999"):
        run("send_test_webhook", "999999")


def test_what_is_due_can_be_sent_without_celery(failed):
    run("redeliver_webhooks", "--since", "2h")

    out, _ = run("deliver_webhooks")

    assert out == "1 attempt was made.\n"


@pytest.mark.parametrize(("plan", "days"), [("FREE", 7), ("PRO", 60)])
def test_messages_go_when_their_plans_retention_is_over(plan, days, failed, organization):
    subscriptions.change_plan(organization=organization, plan_code=plan)
    sending.drain()
    WebhookDelivery.objects.filter(status=Status.PENDING).update(
        status=Status.FAILED, next_attempt_at=None, completed_at=timezone.now()
    )
    now = timezone.now()
    WebhookMessage.objects.update(created_at=now - timedelta(days=days) + timedelta(minutes=5))
    assert run("prune_webhooks")[0] == "0 messages are deleted.\n"

    pruned = upkeep.prune(at=now + timedelta(minutes=6))

    assert pruned > 0
    assert not WebhookMessage.objects.exists()
    assert not WebhookDelivery.objects.exists()
    assert not WebhookAttempt.objects.exists()


def test_messages_of_an_organization_without_a_plan_are_kept_longest_and_go(failed, organization):
    now = timezone.now()
    organization.subscriptions.update(status=SubscriptionStatus.CANCELED, canceled_at=now)
    WebhookDelivery.objects.filter(status=Status.PENDING).update(
        status=Status.FAILED, next_attempt_at=None, completed_at=now
    )
    WebhookMessage.objects.update(created_at=now - timedelta(days=90) + timedelta(minutes=5))
    assert upkeep.prune(at=now) == 0

    assert upkeep.prune(at=now + timedelta(minutes=6)) > 0

    assert not WebhookMessage.objects.exists()


def test_what_still_waits_is_never_pruned(failed, endpoint):
    waiting = WebhookDelivery.objects.get()
    WebhookDelivery.objects.create(
        organization=waiting.organization,
        webhook=endpoint("/other", **TYPES),
        message=waiting.message,
        trigger=Trigger.EVENT,
        status=Status.SUCCEEDED,
        completed_at=timezone.now(),
    )
    run("redeliver_webhooks", "--since", "2h")
    WebhookMessage.objects.update(created_at=timezone.now() - timedelta(days=400))

    run("prune_webhooks")

    assert WebhookMessage.objects.count() == 1
    assert WebhookDelivery.objects.count() == 2
    assert WebhookAttempt.objects.count() == 1


def test_what_is_sent_again_while_it_is_being_pruned_stays_with_its_message(failed):
    delivery = WebhookDelivery.objects.get()
    chosen = list(WebhookMessage.objects.values_list("pk", flat=True))
    resending.resend(delivery=delivery, at=timezone.now())

    assert upkeep._delete(chosen) == len(chosen) - 1

    assert WebhookMessage.objects.get() == delivery.message
    assert WebhookDelivery.objects.get().status == Status.PENDING
    assert WebhookAttempt.objects.count() == 1
