"""The pages of deliveries: one of them, the log, sending again, why an event did not come."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from organizations.services import organizations
from tests.webhooks.browsing import attempt, page
from webhooks.models import (
    Status,
    Trigger,
    WebhookDelivery,
    WebhookMessage,
)
from webhooks.services import endpoints, fan_out, testing

pytestmark = pytest.mark.django_db


def test_a_test_event_leads_to_its_delivery(mia_browses, webhook):
    answer = mia_browses.post(page(webhook, "test/"), {"event_type": "api_key.revoked"})

    delivery = WebhookDelivery.objects.get()
    assert answer["Location"] == page(webhook, f"deliveries/{delivery.pk}/")
    shown = mia_browses.get(answer["Location"]).content.decode()
    assert "api_key.revoked" in shown
    assert "every 2s" in shown


def test_a_delivery_shows_what_was_sent_and_answered(mia_browses, webhook, delivery):
    attempt(
        delivery,
        signature="v1,c2ln",
        response_headers={"Server": "nginx"},
        response_body="<script>alert(1)</script>",
        address="127.0.0.1",
    )

    text = mia_browses.get(page(webhook, f"deliveries/{delivery.pk}/")).content.decode()

    assert "v1,c2ln" in text
    assert "s3cret-value" not in text
    assert "nginx" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text


def test_resending_from_the_page(mia_browses, vera_browses, portal_as, stan, webhook, delivery):
    WebhookDelivery.objects.update(
        status=Status.FAILED, next_attempt_at=None, completed_at=timezone.now()
    )
    path = page(webhook, f"deliveries/{delivery.pk}/resend/")

    assert vera_browses.post(path).status_code == 403
    assert portal_as(stan).post(path).status_code == 404
    delivery.refresh_from_db()
    assert delivery.status == Status.FAILED

    mia_browses.post(path)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.trigger) == (Status.PENDING, Trigger.RESEND)


def test_the_log_filters_and_says_when_nothing_matches(mia_browses, webhook, delivery):
    listed = mia_browses.get(page(webhook), {"status": "PENDING"}).context["deliveries"]
    none = mia_browses.get(page(webhook), {"status": "FAILED"})

    assert [row.pk for row in listed] == [delivery.pk]
    assert b"No delivery matches" in none.content


def test_the_log_costs_no_query_per_row(mia_browses, webhook, delivery, count_queries):
    few = count_queries(mia_browses, page(webhook))
    for _ in range(5):
        testing.send_test(webhook=webhook, at=timezone.now())

    assert count_queries(mia_browses, page(webhook)) == few


@pytest.mark.parametrize(("what", "trigger"), [("recover", "recovery"), ("replay", "replay")])
def test_sending_again_of_a_time(mia_browses, organization, webhook, delivery, what, trigger):
    WebhookDelivery.objects.update(
        status=Status.FAILED, next_attempt_at=None, completed_at=timezone.now()
    )
    organizations.update_organization(organization=organization, changes={"name": "Acme"})
    WebhookMessage.objects.update(fanned_out_at=timezone.now())

    answer = mia_browses.post(
        page(webhook, "send-again/"), {"what": what, "since": "2020-01-01T00:00"}, follow=True
    )

    assert "1 event is being sent" in answer.content.decode()
    queued = WebhookDelivery.objects.get(status=Status.PENDING)
    assert queued.trigger == trigger


def test_why_an_event_did_not_come(mia_browses, organization, webhook):
    endpoints.update_webhook(webhook=webhook, settings={"event_types": ["api_key.*"]})
    organizations.update_organization(organization=organization, changes={"name": "Acme"})
    fan_out.fan_out(at=timezone.now())
    message = WebhookMessage.objects.filter(event_type="organization.updated").get()

    listed = mia_browses.get(page(webhook, "why/")).content.decode()
    told = mia_browses.get(page(webhook, "why/"), {"message": message.message_id})
    none = mia_browses.get(page(webhook, "why/"), {"message": "msg_unknown"})

    assert message.message_id in listed
    assert "did not subscribe to this type" in told.content.decode()
    assert "Replay what is missing" in told.content.decode()
    assert b"No such event" in none.content


def test_times_are_read_in_the_zone_that_the_form_names(mia_browses, mia, organization, webhook):
    mia.time_zone = "Asia/Kolkata"
    mia.save()
    organizations.update_organization(organization=organization, changes={"name": "Acme"})
    fan_out.fan_out(at=timezone.now())
    WebhookDelivery.objects.update(
        status=Status.FAILED, next_attempt_at=None, completed_at=timezone.now()
    )
    happened = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    WebhookMessage.objects.update(occurred_at=happened)
    path = page(webhook, "send-again/")

    assert "In your time zone, Asia/Kolkata." in mia_browses.get(path).content.decode()
    for since, queued in (("2026-03-01T17:31", 0), ("2026-03-01T17:30", 1)):
        mia_browses.post(path, {"what": "recover", "since": since})
        assert WebhookDelivery.objects.filter(status=Status.PENDING).count() == queued
