"""What was written by earlier versions is brought to the form of this one."""

from importlib import import_module

import pytest
from django.db import connection, transaction

from config.common.events import publish
from config.common.logs import REDACTED
from organizations.signals import OrganizationUpdated
from webhooks.models import WebhookMessage

pytestmark = pytest.mark.django_db


def _told(organization, before, after):
    with transaction.atomic():
        publish(OrganizationUpdated(organization_id=organization.pk, before=before, after=after))
    return WebhookMessage.objects.latest("id")


def test_messages_of_earlier_versions_tell_no_billing_details(organization):
    city = {"city": "Nice"}
    old = _told(
        organization,
        {"name": "Acme", "billing_address": {}, "tax_id": "FR1", "billing_email": ""},
        {"name": "Ace", "billing_address": city, "tax_id": "", "billing_email": "a@b.example"},
    )
    other = _told(organization, {"name": "Ace", "metadata": city}, {"name": "Ade", "metadata": {}})
    kept = other.payload

    with connection.cursor() as cursor:
        cursor.execute(import_module("webhooks.migrations.0013_no_billing_values").REDACT)

    old.refresh_from_db()
    other.refresh_from_db()
    assert old.payload["data"] == {
        "organization_id": organization.pk,
        "before": {"name": "Acme", "billing_address": {}, "tax_id": REDACTED, "billing_email": ""},
        "after": {
            "name": "Ace",
            "billing_address": REDACTED,
            "tax_id": "",
            "billing_email": REDACTED,
        },
    }
    assert other.payload == kept
