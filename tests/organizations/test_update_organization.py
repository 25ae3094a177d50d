"""Changing an organization's settings."""

import pytest

from audit.models import AuditLog
from organizations.models import Organization
from webhooks.models import WebhookMessage

pytestmark = pytest.mark.django_db


@pytest.fixture
def url(organization):
    return f"/api/v1/organizations/{organization.pk}"


def test_changes_what_is_sent_and_leaves_the_rest(api_as, adam, url, organization):
    Organization.objects.filter(pk=organization.pk).update(tax_id="FR1", metadata={"a": 1})

    response = api_as(adam).patch(
        url,
        {
            "name": "Acme",
            "billing": {"name": "Acme SAS", "address": {"city": "Nantes", "country": "FR"}},
        },
    )

    assert response.status_code == 200
    body = response.json()
    assert body["name"] == "Acme"
    assert body["role"] == "ADMIN"
    assert body["billing"] == {
        "name": "Acme SAS",
        "email": "olivia@example.com",
        "address": {"city": "Nantes", "country": "FR"},
        "tax_id": "FR1",
        "currency": "USD",
    }
    assert body["metadata"] == {"a": 1}
    organization.refresh_from_db()
    assert (organization.name, organization.billing_address["city"]) == ("Acme", "Nantes")


def test_is_audited_with_old_and_new_values(api_as, adam, url, organization):
    api_as(adam).patch(
        url, {"name": "Acme"}, HTTP_X_REQUEST_ID="request-0001", HTTP_USER_AGENT="tests/1"
    )

    entry = AuditLog.objects.get(event="organization.updated")
    assert (entry.old_values, entry.new_values) == (
        {"name": "Olivia's organization"},
        {"name": "Acme"},
    )
    assert (entry.actor_type, entry.actor_id, entry.actor_label) == ("user", adam.pk, adam.email)
    assert (entry.target_type, entry.target_id) == ("organization", organization.pk)
    assert (entry.ip, entry.user_agent, entry.request_id) == (
        "127.0.0.1",
        "tests/1",
        "request-0001",
    )
    message = WebhookMessage.objects.get(event_type="organization.updated")
    assert message.payload["data"]["after"] == {"name": "Acme"}


@pytest.mark.parametrize("body", [{}, {"name": "Olivia's organization"}, {"billing": {}}])
def test_what_changes_nothing_tells_nothing(api_as, adam, url, organization, body):
    before = Organization.objects.get(pk=organization.pk).version

    response = api_as(adam).patch(url, body)

    assert response.status_code == 200
    assert Organization.objects.get(pk=organization.pk).version == before
    assert not AuditLog.objects.filter(event="organization.updated").exists()


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"name": ""}, "#/name", "blank"),
        ({"name": None}, "#/name", "null"),
        ({"slug": "mine"}, "#/slug", "unknown_member"),
        ({"status": "ACTIVE"}, "#/status", "unknown_member"),
        ({"seat_limit": 99}, "#/seat_limit", "unknown_member"),
        ({"overrides": {"quota_limit": 9}}, "#/overrides", "unknown_member"),
        ({"rate_limit": 9}, "#/rate_limit", "unknown_member"),
        ({"billing": {"email": "no"}}, "#/billing/email", "invalid"),
        ({"billing": {"currency": "EUR"}}, "#/billing/currency", "unknown_member"),
        ({"billing": None}, "#/billing", "null"),
        ({"billing": {"address": {"country": "fr"}}}, "#/billing/address/country", "invalid"),
        ({"billing": {"address": {"zip": "1"}}}, "#/billing/address/zip", "unknown_member"),
        ({"metadata": []}, "#/metadata", "not_a_dict"),
        ({"metadata": {"a": "x" * 10_000}}, "#/metadata", "too_large"),
    ],
)
def test_refuses_what_is_not_valid(api_as, adam, url, organization, body, pointer, code):
    response = api_as(adam).patch(url, body)

    assert response.status_code == 400
    assert [(e["pointer"], e["code"]) for e in response.json()["errors"]] == [(pointer, code)]
    assert not AuditLog.objects.filter(event="organization.updated").exists()


@pytest.mark.parametrize("person", ["mia", "vera"])
def test_needs_the_permission_and_notes_who_lacks_it(request, api_as, url, organization, person):
    user = request.getfixturevalue(person)

    response = api_as(user).patch(url, {"name": "Mine"})

    assert response.status_code == 403
    assert response.json()["permission"] == "organization:write"
    organization.refresh_from_db()
    assert organization.name == "Olivia's organization"
    entry = AuditLog.objects.get(event="security.permission_denied")
    assert (entry.organization_id, entry.actor_id) == (organization.pk, user.pk)
    assert entry.data["permission"] == "organization:write"


def test_billing_details_are_in_the_log_and_not_in_what_every_member_may_read(
    api_as, olivia, vera, url
):
    body = {"name": "Acme", "billing": {"tax_id": "FR1", "address": {"city": "Nantes"}}}

    assert api_as(olivia).patch(url, body).status_code == 200

    entry = AuditLog.objects.get(event="organization.updated")
    assert (entry.old_values["tax_id"], entry.new_values["tax_id"]) == ("", "FR1")
    assert entry.new_values["billing_address"] == {"city": "Nantes"}
    message = WebhookMessage.objects.get(event_type="organization.updated")
    assert message.payload["data"]["after"] == {
        "name": "Acme",
        "tax_id": "[redacted]",
        "billing_address": "[redacted]",
    }
    assert message.payload["data"]["before"] == {
        "name": "Olivia's organization",
        "tax_id": "",
        "billing_address": {},
    }
    assert api_as(vera).get(url).json()["billing"] is None
