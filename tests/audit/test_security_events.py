"""What concerns security is noted beside the log, with how soon a person should look."""

import pytest
from django.utils import timezone

from audit.models import AuditLog, SecurityEvent
from audit.services import security
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db


def test_a_refused_permission_is_noted(api_as, organization, vera):
    api_as(vera).patch(
        f"/api/v1/organizations/{organization.pk}", {"name": "x"}, HTTP_X_REQUEST_ID="request-0001"
    )

    event = SecurityEvent.objects.get(name="authz_fail")
    assert (event.severity, event.organization_id, event.user_id) == (
        "WARNING",
        organization.pk,
        vera.pk,
    )
    assert (event.ip, event.request_id) == ("127.0.0.1", "request-0001")
    assert event.data["permission"] == "organization:write"
    assert AuditLog.objects.filter(event="security.permission_denied").count() == 1


def test_hammering_at_a_closed_door_does_not_fill_the_log(api_as, organization, vera):
    client = api_as(vera)

    statuses = {
        client.patch(f"/api/v1/organizations/{organization.pk}", {"name": "x"}).status_code
        for _ in range(25)
    }

    assert statuses == {403}
    assert 10 <= SecurityEvent.objects.filter(name="authz_fail").count() <= 14


def test_a_wrong_password_is_noted(api, organization, olivia):
    api.post("/api/v1/auth/login", {"email": olivia.email, "password": "not the password"})

    event = SecurityEvent.objects.get(name="authn_login_fail")
    assert (event.severity, event.user_id) == ("INFO", olivia.pk)
    assert "not the password" not in str(event.data)


def test_the_first_one_to_acknowledge_stays_on_record(api_as, organization, vera, sam):
    api_as(vera).patch(f"/api/v1/organizations/{organization.pk}", {"name": "x"})
    event = SecurityEvent.objects.get(name="authz_fail")
    first = timezone.now()

    security.acknowledge(security_event=event, by=sam, at=first)
    security.acknowledge(security_event=event, by=UserFactory.create(), at=timezone.now())

    event.refresh_from_db()
    assert (event.acknowledged_by_id, event.acknowledged_at) == (sam.pk, first)
    entry = AuditLog.objects.get(event="security_event.acknowledged")
    assert (entry.chain, entry.target_id) == (0, event.pk)
    assert str(event) == "WARNING authz_fail"
