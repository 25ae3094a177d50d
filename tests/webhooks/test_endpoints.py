"""Endpoints: added within the plan's limit, changed, rotated, switched off and on, removed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import AuditLog
from config.common.errors import InvalidInput, NotFound
from tests.factories.webhooks import WebhookFactory
from tests.race import at_once
from webhooks.models import (
    DisabledReason,
    Outcome,
    Status,
    Trigger,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookMessage,
    WebhookSecret,
)
from webhooks.services import (
    conformance,
    endpoints,
    oversight,
    resending,
    secrets,
    testing,
)

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
URL = "http://127.0.0.1:8099/hook"


@pytest.fixture
def webhook(organization):
    return WebhookFactory.create(organization=organization)


def owed(webhook, at=AT, **values):
    message = WebhookMessage.objects.filter(organization_id=webhook.organization_id)[0]
    return WebhookDelivery.objects.create(
        organization_id=webhook.organization_id,
        webhook=webhook,
        message=message,
        next_attempt_at=at,
        **values,
    )


def types(organization):
    rows = WebhookMessage.objects.filter(
        organization=organization, event_type__startswith="webhook."
    )
    return list(rows.order_by("id").values_list("event_type", flat=True))


def test_a_new_endpoint_wants_everything_and_has_a_secret(organization, olivia):
    webhook, secret = endpoints.create_webhook(
        organization=organization, created_by=olivia, settings={"url": URL}
    )

    assert (webhook.event_types, webhook.kind, webhook.signature) == (
        ["*"],
        "standard",
        "symmetric",
    )
    assert secret.startswith("whsec_")
    assert secrets.in_force([webhook.pk], at=AT) == {webhook.pk: [secret]}
    assert secret not in WebhookSecret.objects.get().secret_encrypted
    assert types(organization) == ["webhook.created"]


def test_values_of_custom_headers_are_encrypted(organization):
    headers = {"X-Token": "s3cret-value", "Authorization": "Bearer abc"}

    webhook = WebhookFactory.create(organization=organization, headers=headers)

    assert webhook.header_names == ["Authorization", "X-Token"]
    assert "s3cret" not in webhook.headers_encrypted
    assert endpoints.headers_of(webhook) == headers


def test_every_fault_is_reported_at_once(organization):
    settings: Any = {
        "url": "ftp://example.com/",
        "event_types": ["invoice.paid!", "nothing.happened"],
        "headers": {"Host": "x", "webhook-id": "x", "X Y": "x", "X-Ok": "a\r\nb"},
        "filters": [{"path": "metadata", "operator": "like", "value": 1}],
        "ordering_path": "..",
        "concurrency": 11,
        "kind": "pager",
        "signature": "rsa",
    }

    with pytest.raises(InvalidInput) as refusal:
        endpoints.create_webhook(organization=organization, created_by=None, settings=settings)

    assert sorted(error.pointer for error in refusal.value.errors) == [
        "#/concurrency", "#/event_types/0", "#/event_types/1", "#/filters/0/operator", "#/filters/0/path",
        "#/headers/Host", "#/headers/X Y", "#/headers/X-Ok", "#/headers/webhook-id", "#/kind", "#/ordering_path",
        "#/signature", "#/url",
    ]  # fmt: skip
    assert not Webhook.objects.exists()


def test_the_plan_limits_how_many(organization):
    for _ in range(5):
        WebhookFactory.create(organization=organization)

    with pytest.raises(endpoints.EndpointLimitReached) as refusal:
        WebhookFactory.create(organization=organization)

    assert refusal.value.detail == "The plan's limit of webhooks, 5, is reached."
    assert Webhook.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_the_limit_holds_when_many_are_added_at_once(organization):
    def add():
        try:
            WebhookFactory.create(organization=organization)
        except endpoints.EndpointLimitReached:
            return "refused"
        return "added"

    results = at_once(*[add] * 8)

    assert sorted(results) == ["added"] * 5 + ["refused"] * 3
    assert Webhook.objects.count() == 5


def test_a_header_in_two_spellings_is_given_twice(organization):
    headers = {"X-Token": "a", "x-token": "b"}

    with pytest.raises(InvalidInput) as refused:
        WebhookFactory.create(organization=organization, headers=headers)

    assert [fault.pointer for fault in refused.value.errors] == ["#/headers/x-token"]
    assert not Webhook.objects.exists()


def test_a_change_is_told_without_the_headers_values(webhook):
    endpoints.update_webhook(
        webhook=webhook,
        settings={"description": "Orders", "headers": {"X-Token": "s3cret-value"}},
    )

    told = WebhookMessage.objects.get(event_type="webhook.updated").payload["data"]
    assert told["before"] == {"description": "", "header_names": []}
    assert told["after"] == {
        "description": "Orders",
        "header_names": ["X-Token"],
        "headers": "[redacted]",
    }


@pytest.mark.parametrize(
    ("kind", "url", "shown"),
    [
        ("slack", "https://hooks.slack.example/services/T0/B0/s3cret", "https://hooks.slack.example/…"),
        ("standard", "https://hooks.example/in?token=s3cret", "https://hooks.example/in?…"),
        ("standard", "https://hooks.example:8443/in", "https://hooks.example:8443/in"),
    ],
)  # fmt: skip
def test_nobody_is_told_what_of_a_url_lets_others_in(organization, kind, url, shown):
    webhook = WebhookFactory.create(organization=organization, kind=kind, url="https://a.example/")
    endpoints.update_webhook(webhook=webhook, settings={"url": url})
    endpoints.delete_webhook(webhook=webhook)

    told = WebhookMessage.objects.get(event_type="webhook.updated").payload["data"]
    assert told["after"] == {"url": shown}
    logged = AuditLog.objects.order_by("pk").values_list("old_values", "new_values", "data")
    assert "s3cret" not in str(list(logged))
    assert shown in str(list(logged))


def test_a_change_to_what_is_already_so_is_none(organization):
    webhook = WebhookFactory.create(organization=organization, headers={"X-Token": "a"})

    endpoints.update_webhook(
        webhook=webhook, settings={"url": webhook.url, "headers": {"X-Token": "a"}}
    )

    assert types(organization) == ["webhook.created"]


def test_after_a_rotation_both_secrets_sign_until_the_overlap_ends(webhook):
    new = endpoints.rotate_secret(webhook=webhook, at=AT, overlap_seconds=3600)

    during, after = AT + timedelta(seconds=3599), AT + timedelta(seconds=3600)
    assert secrets.in_force([webhook.pk], at=during)[webhook.pk] == [new, webhook.secret]
    assert secrets.in_force([webhook.pk], at=after)[webhook.pk] == [new]
    assert secrets.prune(at=after) == 1
    assert WebhookSecret.objects.count() == 1


def test_a_later_rotation_never_prolongs_an_old_secret(webhook):
    second = endpoints.rotate_secret(webhook=webhook, at=AT, overlap_seconds=60)
    third = endpoints.rotate_secret(webhook=webhook, at=AT, overlap_seconds=3600)

    later = AT + timedelta(seconds=61)
    assert secrets.in_force([webhook.pk], at=later)[webhook.pk] == [third, second]


def test_a_later_rotation_can_end_an_old_secret_sooner(webhook):
    endpoints.rotate_secret(webhook=webhook, at=AT, overlap_seconds=3600)
    third = endpoints.rotate_secret(webhook=webhook, at=AT, overlap_seconds=0)

    assert secrets.in_force([webhook.pk], at=AT)[webhook.pk] == [third]


def test_ten_old_secrets_at_most_sign(webhook):
    for _ in range(13):
        endpoints.rotate_secret(webhook=webhook, at=AT)

    assert len(secrets.in_force([webhook.pk], at=AT)[webhook.pk]) == 11


def test_an_overlap_of_more_than_seven_days_is_refused(webhook):
    with pytest.raises(InvalidInput):
        endpoints.rotate_secret(webhook=webhook, at=AT, overlap_seconds=7 * 24 * 3600 + 1)

    assert WebhookSecret.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_rotations_at_once_leave_one_current_secret(organization):
    webhook = WebhookFactory.create(organization=organization)

    at_once(*[lambda: endpoints.rotate_secret(webhook=webhook, at=AT)] * 6)

    assert WebhookSecret.objects.filter(expires_at=None).count() == 1
    assert WebhookSecret.objects.count() == 7


def test_an_ed25519_endpoint_shows_its_public_key_only(organization):
    webhook, shown = endpoints.create_webhook(
        organization=organization,
        created_by=None,
        settings={"url": URL, "signature": "ed25519"},
    )

    (secret,) = secrets.in_force([webhook.pk], at=AT)[webhook.pk]
    assert secret.startswith("whsk_")
    assert "whpk_" + WebhookSecret.objects.get().public_key == shown


def test_a_disabled_endpoint_loses_what_waits(webhook):
    delivery = owed(webhook)

    endpoints.disable_webhook(webhook=webhook, at=AT)

    delivery.refresh_from_db()
    webhook.refresh_from_db()
    assert (delivery.status, delivery.completed_at) == (Status.CANCELED, AT)
    assert (webhook.status, webhook.disabled_reason) == ("disabled", DisabledReason.CUSTOMER)
    assert types(webhook.organization) == ["webhook.created", "webhook.disabled"]


def test_disabling_twice_tells_once(webhook):
    endpoints.disable_webhook(webhook=webhook, at=AT)
    endpoints.disable_webhook(webhook=webhook, at=AT + timedelta(hours=1))

    webhook.refresh_from_db()
    assert webhook.disabled_at == AT
    assert types(webhook.organization) == ["webhook.created", "webhook.disabled"]


def test_what_staff_switched_off_staff_switch_on(webhook):
    endpoints.disable_webhook(webhook=webhook, at=AT)
    endpoints.disable_webhook(webhook=webhook, at=AT, reason=DisabledReason.STAFF)

    with pytest.raises(endpoints.DisabledByStaff):
        endpoints.enable_webhook(webhook=webhook)
    assert not endpoints.enable_webhook(webhook=webhook, is_staff=True).disabled_reason


def test_a_changed_endpoint_is_tried_at_once(webhook):
    Webhook.objects.filter(pk=webhook.pk).update(circuit_open_until=AT, failures_in_a_row=9)

    endpoints.update_webhook(webhook=webhook, settings={"description": "Mended"})

    webhook.refresh_from_db()
    assert (webhook.circuit_open_until, webhook.failures_in_a_row) == (None, 9)


def test_an_enabled_endpoint_starts_with_a_clean_record(webhook):
    Webhook.objects.filter(pk=webhook.pk).update(
        disabled_at=AT,
        disabled_reason="failing",
        failing_since=AT,
        noticed_percent=100,
        failures_in_a_row=9,
    )

    enabled = endpoints.enable_webhook(webhook=webhook)

    assert (enabled.status, enabled.failures_in_a_row, enabled.noticed_percent) == ("enabled", 0, 0)


def test_a_deleted_endpoint_takes_its_log_along_and_leaves_the_messages(webhook):
    owed(webhook, trigger=Trigger.EVENT)
    organization = webhook.organization

    endpoints.delete_webhook(webhook=webhook)

    assert not Webhook.objects.exists()
    assert not WebhookDelivery.objects.exists()
    assert types(organization) == ["webhook.created", "webhook.deleted"]


def test_a_long_log_is_deleted_without_being_read(webhook):
    delivery = owed(webhook)
    WebhookAttempt.objects.create(
        delivery=delivery, webhook=webhook, number=1, trigger=Trigger.EVENT, at=AT, duration_ms=1,
        outcome=Outcome.REFUSED, url=URL,
    )  # fmt: skip

    with CaptureQueriesContext(connection) as seen:
        endpoints.delete_webhook(webhook=webhook)

    log = [query["sql"] for query in seen if "webhooks_webhookdelivery" in query["sql"]]
    assert log[0].startswith('DELETE FROM "webhooks_webhookdelivery" WHERE')
    assert f'"webhook_id" = {webhook.pk}' in log[0]
    assert not WebhookAttempt.objects.exists()


@pytest.mark.parametrize(
    "act",
    [
        lambda webhook, _: endpoints.update_webhook(webhook=webhook, settings={"concurrency": 1}),
        lambda webhook, _: endpoints.rotate_secret(webhook=webhook, at=AT),
        lambda webhook, _: endpoints.disable_webhook(webhook=webhook, at=AT),
        lambda webhook, _: endpoints.enable_webhook(webhook=webhook),
        lambda webhook, _: resending.recover(webhook=webhook, since=AT, at=AT),
        lambda webhook, _: resending.replay_missing(webhook=webhook, since=AT, at=AT),
        lambda _, delivery: resending.resend(delivery=delivery, at=AT),
        lambda webhook, _: testing.send_test(webhook=webhook, at=AT),
        lambda webhook, _: oversight.force_disable(webhook=webhook, note="spam", at=AT),
        lambda webhook, _: oversight.try_now(webhook=webhook),
        lambda webhook, _: conformance.request_run(webhook=webhook, requested_by=None, at=AT),
    ],
)
def test_what_is_deleted_at_the_same_moment_is_not_found(act, webhook):
    delivery = owed(webhook)
    endpoints.delete_webhook(webhook=Webhook.objects.get())
    count = WebhookMessage.objects.count()

    with pytest.raises(NotFound):
        act(webhook, delivery)

    assert WebhookMessage.objects.count() == count
