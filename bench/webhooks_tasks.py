"""What we compare with: a Celery task per delivery that signs, posts with `requests` and records by the ORM."""

# ruff: noqa: E402, PLC0415  (Django is set up before anything of the product is imported)

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

import django

django.setup()

from typing import TYPE_CHECKING

import orjson
import requests
from celery import Celery
from django.conf import settings
from django.utils import timezone

if TYPE_CHECKING:
    from webhooks.models import WebhookDelivery


app = Celery("yardstick", broker=settings.CELERY_BROKER_URL)
app.conf.update(task_ignore_result=True, task_acks_late=True, worker_prefetch_multiplier=1)
# The connection to the database stays between tasks, as anybody would set it who is in a hurry: by default Celery closes
# it around each, whatever CONN_MAX_AGE says.
app.conf["CELERY_DB_REUSE_MAX"] = 1_000_000_000
_session = requests.Session()


@app.task(name="yardstick.deliver")
def deliver(delivery_id: int) -> None:
    """Do all that one delivery needs."""
    from webhooks import signing
    from webhooks.models import Outcome, Status, Trigger, WebhookAttempt, WebhookDelivery
    from webhooks.services import secrets

    at = timezone.now()
    delivery: WebhookDelivery = WebhookDelivery.objects.select_related("message", "webhook").get(
        pk=delivery_id
    )
    body = orjson.dumps(delivery.message.payload)
    signers = secrets.in_force([delivery.webhook_id], at=at)[delivery.webhook_id]
    signed = signing.signature(
        signers, message_id=delivery.message.message_id, timestamp=int(at.timestamp()), body=body
    )
    answer = _session.post(
        delivery.webhook.url,
        data=body,
        headers={
            "Content-Type": "application/json",
            "webhook-id": delivery.message.message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signed,
        },
        timeout=15,
        allow_redirects=False,
    )
    WebhookAttempt.objects.create(
        delivery=delivery,
        webhook=delivery.webhook,
        number=1,
        trigger=Trigger.EVENT,
        at=at,
        duration_ms=answer.elapsed.microseconds // 1000,
        outcome=Outcome.SUCCEEDED,
        url=delivery.webhook.url,
        signature=signed,
        status_code=answer.status_code,
        response_headers=dict(answer.headers),
        response_body=answer.text[:16_384],
    )
    WebhookDelivery.objects.filter(pk=delivery_id).update(
        status=Status.SUCCEEDED,
        attempts=1,
        tries=1,
        completed_at=timezone.now(),
        next_attempt_at=None,
    )
