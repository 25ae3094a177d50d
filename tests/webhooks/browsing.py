"""Paths of the webhook pages, and what a page may have to show."""

from django.utils import timezone

from webhooks.models import Outcome, Trigger, WebhookAttempt

LIST = "/webhooks/"
URL = "http://127.0.0.1:8099/hook"


def page(webhook, rest=""):
    """Return the path of one of an endpoint's pages."""
    return f"{LIST}{webhook.pk}/{rest}"


def attempt(delivery, outcome=Outcome.REFUSED, **values):
    """Write down that a delivery was tried."""
    defaults = {
        "number": 1,
        "trigger": Trigger.EVENT,
        "at": timezone.now(),
        "duration_ms": 40,
        "url": URL,
        "status_code": 500,
    }
    return WebhookAttempt.objects.create(
        delivery=delivery, webhook=delivery.webhook, outcome=outcome, **{**defaults, **values}
    )
