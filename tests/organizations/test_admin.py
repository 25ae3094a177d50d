"""The back office of organizations: shown to staff, changed through the services, refused with the domain's sentence."""

import pytest
from django.urls import reverse

from accounts.models import PlatformRole
from audit.models import AuditLog
from organizations.models import Organization, OrganizationMember
from tests.factories.accounts import UserFactory
from tests.factories.organizations import MemberFactory, OrganizationFactory
from tests.office import faults_of

pytestmark = pytest.mark.django_db
LIST = "/admin/organizations/organization/"
MEMBERS = "/admin/organizations/organizationmember/"


@pytest.fixture
def back_office(portal_as, sam):
    return portal_as(sam)


def form_of(organization, **changes):
    """Return what the change page would send."""
    empty = (
        "billing_name",
        "tax_id",
        "rate_limit",
        "rate_per_seconds",
        "rate_burst",
        "quota_limit",
    )
    return {
        "name": organization.name,
        "billing_email": organization.billing_email,
        "billing_address": "{}",
        "metadata": "{}",
        **dict.fromkeys(empty, ""),
        "members-TOTAL_FORMS": "0",
        "members-INITIAL_FORMS": "0",
        **changes,
    }


def messages_of(response):
    return [str(message) for message in response.context["messages"]]


@pytest.mark.parametrize("text", ["", "Olivia", "olivia@example.com", "{pk}", "olivias"])
def test_is_found_by_what_support_has_in_hand(
    back_office, organization, foreign_organization, text
):
    response = back_office.get(LIST, {"q": text.format(pk=organization.pk)})

    found = set(response.context["cl"].result_list)
    assert organization in found
    assert len(found) == (2 if text == "" else 1)


@pytest.mark.parametrize("field", ["metadata", "billing_address"])
@pytest.mark.parametrize(
    "text",
    [
        *('[1]', '"x"', '{"a": 1e22}', '{"a": NaN}', '{"a": 1, "a": 2}', '{"a": "\\u0000"}'),
        "[" * 2_000 + "]" * 2_000,
    ],
)  # fmt: skip
def test_json_is_read_as_strictly_as_by_the_api(back_office, organization, field, text):
    page = f"{LIST}{organization.pk}/change/"

    response = back_office.post(page, form_of(organization, **{field: text}))

    assert (response.status_code, list(response.context["errors"]) != []) == (200, True)
    organization.refresh_from_db()
    assert (organization.metadata, organization.billing_address) == ({}, {})


def test_an_address_is_made_of_what_an_invoice_shows(back_office, organization):
    page = f"{LIST}{organization.pk}/change/"
    told = [
        back_office.post(page, form_of(organization, billing_address=text)).status_code
        for text in (
            '{"planet": "Mars"}',
            '{"city": 5}',
            '{"country": "France"}',
            '{"city": "Nice"}',
        )
    ]

    assert told == [200, 200, 200, 302]
    organization.refresh_from_db()
    assert organization.billing_address == {"city": "Nice"}


def test_counts_members_once_while_searching(back_office, organization, adam, mia):
    response = back_office.get(LIST, {"q": "example.com"})

    assert [row.member_count for row in response.context["cl"].result_list] == [3]


def test_lists_and_pages_cost_the_same_for_many(back_office, organization, count_queries):
    page = f"{LIST}{organization.pk}/change/"
    few = (
        count_queries(back_office, LIST),
        count_queries(back_office, page),
        count_queries(back_office, MEMBERS),
    )

    for _ in range(10):
        OrganizationFactory.create()
        MemberFactory.create(organization=organization)

    assert few == (
        count_queries(back_office, LIST),
        count_queries(back_office, page),
        count_queries(back_office, MEMBERS),
    )


def test_settings_and_limits_are_changed_through_the_services(back_office, organization, sam):
    response = back_office.post(
        f"{LIST}{organization.pk}/change/",
        form_of(organization, name="Acme", rate_limit="9", rate_per_seconds="1", rate_burst="18"),
    )

    assert response.status_code == 302
    organization.refresh_from_db()
    assert (organization.name, organization.rate_limit, organization.rate_burst) == ("Acme", 9, 18)
    entries = AuditLog.objects.filter(actor_id=sam.pk, organization_id=organization.pk)
    assert set(entries.values_list("event", "actor_type", "ip")) == {
        ("organization.updated", "staff", "127.0.0.1"),
        ("organization.limits_changed", "staff", "127.0.0.1"),
    }


def test_half_a_rate_is_refused_in_the_form(back_office, organization):
    response = back_office.post(
        f"{LIST}{organization.pk}/change/", form_of(organization, name="Acme", rate_limit="9")
    )

    assert response.status_code == 200
    assert "A rate needs its limit, its seconds and its burst" in response.content.decode()
    organization.refresh_from_db()
    assert (organization.name, organization.rate_limit) == ("Olivia's organization", None)


def test_what_a_service_owns_cannot_be_written(back_office, organization):
    back_office.post(
        f"{LIST}{organization.pk}/change/",
        form_of(organization, status="SUSPENDED", seat_limit="1", slug="x", currency="EUR"),
    )

    after = Organization.objects.get()
    assert (after.status, after.seat_limit, after.slug) == (
        "ACTIVE",
        organization.seat_limit,
        organization.slug,
    )


def act(client, url, action, *rows, reason=""):
    return client.post(
        url,
        {"action": action, "_selected_action": [row.pk for row in rows], "reason": reason},
        follow=True,
    )


def test_suspending_needs_a_reason(back_office, organization):
    response = act(back_office, LIST, "suspend", organization)

    assert messages_of(response) == ["Give a reason beside the action."]
    assert Organization.objects.get().status == "ACTIVE"


def test_suspends_and_reinstates(back_office, organization, foreign_organization, sam):
    suspended = act(back_office, LIST, "suspend", organization, reason="unpaid")
    again = act(back_office, LIST, "suspend", organization, foreign_organization, reason="unpaid")

    assert messages_of(suspended) == ["Suspended: 1."]
    assert len(messages_of(again)) == 2
    assert "Only an active organization can be suspended." in messages_of(again)[0]
    assert set(Organization.objects.values_list("status", flat=True)) == {"SUSPENDED"}
    entry = AuditLog.objects.get(event="organization.suspended", organization_id=organization.pk)
    assert (entry.actor_id, entry.data["reason"]) == (sam.pk, "unpaid")
    act(back_office, LIST, "reinstate", organization, foreign_organization)
    assert set(Organization.objects.values_list("status", flat=True)) == {"ACTIVE"}


def test_a_member_is_added_through_the_service(back_office, organization):
    person = UserFactory.create()

    response = back_office.post(
        f"{MEMBERS}add/", {"organization": organization.pk, "user": person.pk, "role": "ADMIN"}
    )

    assert response.status_code == 302
    assert OrganizationMember.objects.get(user=person).role == "ADMIN"
    assert AuditLog.objects.filter(event="member.added").count() == 1


def test_no_member_is_added_without_a_seat(back_office, organization):
    Organization.objects.filter(pk=organization.pk).update(seat_limit=1)
    person = UserFactory.create()

    response = back_office.post(
        f"{MEMBERS}add/",
        {"organization": organization.pk, "user": person.pk, "role": "ADMIN"},
    )

    assert "The plan's limit of members, 1, is reached." in faults_of(response)["__all__"][0]
    assert not OrganizationMember.objects.filter(user=person).exists()


def test_a_role_is_changed_and_the_last_owner_stays(back_office, organization, mia):
    member = OrganizationMember.objects.get(user=mia)
    owner = OrganizationMember.objects.get(role="OWNER")

    changed = back_office.post(f"{MEMBERS}{member.pk}/change/", {"role": "ADMIN"}, follow=True)
    refused = back_office.post(f"{MEMBERS}{owner.pk}/change/", {"role": "ADMIN"}, follow=True)

    assert changed.status_code == refused.status_code == 200
    assert "at least one owner" in str(faults_of(refused))
    member.refresh_from_db()
    owner.refresh_from_db()
    assert (member.role, owner.role) == ("ADMIN", "OWNER")
    assert AuditLog.objects.filter(event="member.role_changed").count() == 1


def test_a_member_is_removed_and_the_last_owner_stays(back_office, organization, mia):
    member = OrganizationMember.objects.get(user=mia)
    owner = OrganizationMember.objects.get(role="OWNER")

    asked = back_office.get(f"{MEMBERS}{member.pk}/delete/").content.decode()
    assert "mia@example.com as Member in Olivia&#x27;s organization" in asked
    back_office.post(f"{MEMBERS}{member.pk}/delete/", {"post": "yes"})
    refused = back_office.post(f"{MEMBERS}{owner.pk}/delete/", {"post": "yes"}, follow=True)

    assert "at least one owner" in messages_of(refused)[-1]
    assert list(OrganizationMember.objects.all()) == [owner]
    assert AuditLog.objects.filter(event="member.removed").count() == 1


def test_organizations_are_neither_added_nor_deleted(back_office, organization):
    assert back_office.get(f"{LIST}add/").status_code == 403
    assert back_office.post(f"{LIST}{organization.pk}/delete/", {"post": "yes"}).status_code == 403
    act(back_office, LIST, "delete_selected", organization)
    assert Organization.objects.count() == 1


@pytest.mark.parametrize("role", [PlatformRole.USER, PlatformRole.VIEWER])
@pytest.mark.parametrize("path", [LIST, MEMBERS, f"{MEMBERS}add/"])
def test_who_is_no_staff_is_kept_out(portal_as, organization, role, path):
    response = portal_as(UserFactory.create(role=role)).get(path)

    assert response.status_code == 302
    assert reverse("admin:login") in response.headers["Location"]


def test_staff_may_change_by_role(portal_as, organization):
    response = portal_as(UserFactory.create(role=PlatformRole.ADMIN)).get(
        f"{LIST}{organization.pk}/change/"
    )

    assert response.status_code == 200
    assert b'name="_save"' in response.content
