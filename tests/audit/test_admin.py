"""The back office of the log: read-only, found by what support has in hand; security events are acknowledged."""

import pytest
from django.utils import timezone
from django.utils.html import escape

from accounts.models import PlatformRole
from audit.models import AuditLog, AuditSeal, SecurityEvent
from audit.services import seals
from organizations.services import organizations
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db
LOG = "/admin/audit/auditlog/"
EVENTS = "/admin/audit/securityevent/"


@pytest.fixture
def back_office(portal_as, sam):
    return portal_as(sam)


@pytest.fixture
def refused(api_as, organization, vera):
    api_as(vera).patch(
        f"/api/v1/organizations/{organization.pk}", {"name": "x"}, HTTP_X_REQUEST_ID="request-0001"
    )
    return SecurityEvent.objects.get(name="authz_fail")


def found(client, text, **filters):
    response = client.get(LOG, {"q": text, **filters})
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def test_entries_are_found_by_request_person_and_organization(
    back_office, refused, organization, foreign_organization, vera
):
    by_request = found(back_office, "request-0001")
    by_person = found(back_office, "VERA@example.com")
    by_organization = found(back_office, str(organization.pk))

    assert [entry.event for entry in by_request] == ["security.permission_denied"]
    assert {entry.actor_id for entry in by_person} == {vera.pk}
    assert {entry.organization_id for entry in by_organization} == {organization.pk}
    assert found(back_office, "nobody@example.com") == []
    assert found(back_office, "9" * 40) == []


def test_entries_are_filtered_by_event(back_office, refused):
    rows = found(back_office, "", event="organization.created")

    assert {entry.event for entry in rows} == {"organization.created"}


def test_entries_are_only_shown(back_office, refused):
    entry = AuditLog.objects.order_by("pk")[0]

    page = back_office.get(f"{LOG}{entry.pk}/change/")

    assert page.status_code == 200
    assert bytes(entry.hash).hex() in page.content.decode()
    assert b'name="_save"' not in page.content
    for path in (f"{LOG}add/", f"{LOG}{entry.pk}/delete/", f"{EVENTS}add/"):
        assert back_office.get(path).status_code == 403
    assert back_office.post(f"{LOG}{entry.pk}/change/", {"summary": "x"}).status_code == 403


def test_events_are_acknowledged_with_a_note(back_office, refused, sam):
    response = back_office.post(
        EVENTS,
        {"action": "acknowledge", "note": " Told her. ", "_selected_action": [refused.pk]},
        follow=True,
    )

    assert [str(message) for message in response.context["messages"]] == ["Acknowledged: 1."]
    refused.refresh_from_db()
    assert (refused.acknowledged_by_id, refused.acknowledged_note) == (sam.pk, "Told her.")
    assert "Told her." in response.content.decode()
    assert AuditLog.objects.get(event="security_event.acknowledged").actor_id == sam.pk


@pytest.mark.parametrize("text", ["request-0001", "127.0.0.1", "{user}"])
def test_events_are_found(back_office, refused, text):
    response = back_office.get(EVENTS, {"q": text.format(user=refused.user_id)})

    assert refused in response.context["cl"].result_list


@pytest.mark.parametrize(
    ("filters", "is_shown"),
    [
        ({"severity__exact": "WARNING"}, True),
        ({"severity__exact": "CRITICAL"}, False),
        ({"name": "authz_fail"}, True),
        ({"name": "authn_token_reuse"}, False),
        ({"acknowledged_at__isempty": "1"}, True),
        ({"acknowledged_at__isempty": "0"}, False),
        ({"organization_id__isempty": "1"}, False),
    ],
    ids=lambda value: "-".join(map(str, value.items())) if isinstance(value, dict) else str(value),
)
def test_events_are_filtered(back_office, refused, filters, is_shown):
    response = back_office.get(EVENTS, filters)

    assert (refused in response.context["cl"].result_list) is is_shown


def test_an_event_is_shown_with_its_meaning(back_office, refused):
    rows = back_office.get(EVENTS).content.decode()
    page = back_office.get(f"{EVENTS}{refused.pk}/change/").content.decode()

    assert '<span class="pill pill-warn">Warning</span>' in rows
    assert escape(refused.meaning) in rows
    assert "organization:write" in page
    assert refused.fold not in page


@pytest.mark.parametrize("path", [LOG, EVENTS])
def test_lists_cost_the_same_for_many(back_office, refused, organization, count_queries, path):
    few = count_queries(back_office, path)

    for number in range(10):
        organizations.update_organization(organization=organization, changes={"name": f"N{number}"})

    assert count_queries(back_office, path) == few


def test_an_admin_of_the_platform_may_look_and_a_customer_may_not(portal_as, refused, olivia):
    assert portal_as(UserFactory.create(role=PlatformRole.ADMIN)).get(LOG).status_code == 200
    assert portal_as(olivia).get(LOG).status_code == 302


def test_entries_are_filtered_by_what_acted_and_found_by_target(back_office, refused, organization):
    by_actor = found(back_office, "", actor="user")
    by_target = found(back_office, f"organization:{organization.pk}")

    assert {entry.actor_type for entry in by_actor} == {"user"}
    assert {(entry.target_type, entry.target_id) for entry in by_target} == {
        ("organization", organization.pk)
    }
    assert found(back_office, "organization:99999999") == []


def test_an_entry_shows_its_changes_side_by_side(back_office, organization):
    organizations.update_organization(organization=organization, changes={"name": "<i>Acme"})
    entry = AuditLog.objects.get(event="organization.updated")

    page = back_office.get(f"{LOG}{entry.pk}/change/").content.decode()

    assert "<code>name</code>: Olivia&#x27;s organization → &lt;i&gt;Acme" in page


def test_staff_take_a_copy_and_the_organization_sees_that(back_office, organization, sam):
    organizations.update_organization(organization=organization, changes={"name": "=Acme"})
    entry = AuditLog.objects.get(event="organization.updated")

    response = back_office.post(LOG, {"action": "export_csv", "_selected_action": [entry.pk]})
    content = b"".join(response.streaming_content).decode()

    assert response["Content-Disposition"] == 'attachment; filename="audit-log.csv"'
    assert content.splitlines()[1].startswith(f"{entry.pk},")
    copied = AuditLog.objects.get(event="audit_log.exported")
    assert (copied.organization_id, copied.actor_type, copied.actor_id) == (
        organization.pk,
        "staff",
        sam.pk,
    )


def test_seals_are_only_shown(back_office, organization):
    seals.seal_heads(at=timezone.now())

    page = back_office.get("/admin/audit/auditseal/")

    assert page.status_code == 200
    assert back_office.get("/admin/audit/auditseal/add/").status_code == 403
    seal = AuditSeal.objects.get(chain=organization.pk)
    shown = back_office.get(f"/admin/audit/auditseal/{seal.pk}/change/").content.decode()
    assert bytes(seal.hash).hex() in shown
