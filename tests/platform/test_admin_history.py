""" "History" in the back office leads to what the audit log says about a row."""

import pytest
from django.contrib.admin import site
from django.utils import timezone

from accounts.services import sessions
from apikeys.services import keys
from audit.models import AuditLog
from config.common.admin import DiscreetAdmin
from config.common.events import catalogue
from tests.factories.apikeys import ApiKeyFactory

LABELS = {
    "api": "apikeys.Api",
    "api_key": "apikeys.ApiKey",
    "broadcast": "accounts.Broadcast",
    "grant": "organizations.ObjectGrant",
    "invitation": "organizations.OrganizationInvitation",
    "mail": "common.OutgoingMail",
    "organization": "organizations.Organization",
    "periodic_job": "django_celery_beat.PeriodicTask",
    "plan": "billing.Plan",
    "role": "organizations.CustomRole",
    "security_event": "audit.SecurityEvent",
    "service_key": "apikeys.ServiceKey",
    "subscription": "billing.Subscription",
    "user": "accounts.User",
    "webhook": "webhooks.Webhook",
}


def test_whatever_entries_are_about_has_its_history():
    pages = {
        page.audited_as: model._meta.label
        for model, page in site._registry.items()
        if isinstance(page, DiscreetAdmin) and page.audited_as
    }

    assert pages == LABELS
    assert set(pages) == {event.target_type for event in catalogue()} - {""}


@pytest.mark.django_db
def test_it_shows_the_entries_of_that_row_alone(portal_as, sam, organization):
    key, other = ApiKeyFactory.create_batch(2, organization=organization)
    for one in (key, other):
        keys.revoke_key(key=one, at=timezone.now())
    office = portal_as(sam)

    page = office.get(f"/admin/apikeys/apikey/{key.pk}/change/").content.decode()
    shown = office.get(f"/admin/apikeys/apikey/{key.pk}/history/", follow=True)

    assert f'href="/admin/apikeys/apikey/{key.pk}/history/"' in page
    entries = AuditLog.objects.filter(target_type="api_key", target_id=key.pk)
    assert {entry.event for entry in entries} == {"api_key.created", "api_key.revoked"}
    assert set(shown.context["cl"].result_list) == set(entries)


@pytest.mark.django_db
def test_what_the_log_does_not_know_offers_none(portal_as, olivia, sam):
    session = sessions.start_portal(user=olivia, at=timezone.now())

    page = portal_as(sam).get(f"/admin/accounts/session/{session.pk}/change/")

    assert page.status_code == 200
    assert "/history/" not in page.content.decode()
