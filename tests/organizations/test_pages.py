"""Portal pages: switcher, settings, team. What a role may not do is neither offered nor carried out."""

import pytest
from django.urls import reverse

from audit.models import AuditLog
from organizations.models import Organization, OrganizationMember
from tests.factories.accounts import UserFactory
from tests.factories.organizations import MemberFactory, OrganizationFactory

pytestmark = pytest.mark.django_db
SETTINGS = "/organization/"
TEAM = "/team/"


def text_of(response):
    return response.content.decode()


def test_pages_stand_where_links_expect_them():
    assert reverse("organizations:settings") == SETTINGS
    assert reverse("organizations:member-list") == TEAM
    assert reverse("organizations:switch") == "/organizations/switch/"


@pytest.mark.parametrize(
    "path", [SETTINGS, TEAM, "/organizations/switch/", "/organizations/create/"]
)
def test_who_is_not_signed_in_is_sent_to_sign_in(portal, path):
    response = portal.get(path)

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/login/?next=")


@pytest.mark.parametrize("person", ["olivia", "adam", "mia", "vera"])
@pytest.mark.parametrize(
    "path", [SETTINGS, TEAM, "/organizations/switch/", "/organizations/create/"]
)
def test_every_member_sees_the_pages(request, portal_as, organization, person, path):
    response = portal_as(request.getfixturevalue(person)).get(path)

    assert response.status_code == 200
    assert "Olivia&#x27;s organization" in text_of(response)


@pytest.mark.parametrize("path", [SETTINGS, TEAM, "/overview/"])
def test_who_belongs_nowhere_is_led_to_where_an_organization_is_made(portal_as, path):
    response = portal_as(UserFactory.create()).get(path)

    assert (response.status_code, response.headers["Location"]) == (302, "/organizations/switch/")


def test_who_belongs_nowhere_is_told_so_and_offered_an_organization(portal_as):
    text = text_of(portal_as(UserFactory.create()).get("/organizations/switch/"))

    assert "You are in no organization" in text
    assert text.count("Create organization") == 2  # the menu's and the empty state's


def test_who_belongs_nowhere_changes_nothing_and_gets_no_fragment(portal_as):
    portal = portal_as(UserFactory.create())

    assert portal.post(SETTINGS, {"name": "Acme"}).status_code == 404
    assert portal.get("/overview/", headers={"HX-Request": "true"}).status_code == 404


def test_settings_are_changed(portal_as, organization, adam):
    response = portal_as(adam).post(
        SETTINGS,
        {"name": "Acme", "billing_email": "bills@acme.example", "city": "Nantes", "country": "FR"},
    )

    assert (response.status_code, response.headers["Location"]) == (302, SETTINGS)
    organization.refresh_from_db()
    assert (organization.name, organization.billing_email) == ("Acme", "bills@acme.example")
    assert organization.billing_address == {"city": "Nantes", "country": "FR"}
    entry = AuditLog.objects.get(event="organization.updated")
    assert (entry.actor_type, entry.actor_id, entry.ip) == ("user", adam.pk, "127.0.0.1")


def test_settings_that_are_not_valid_are_shown_again(portal_as, organization, adam):
    response = portal_as(adam).post(SETTINGS, {"name": "", "country": "France"})

    assert response.status_code == 200
    assert "This field is required." in text_of(response)
    assert "Enter two capital letters" in text_of(response)
    organization.refresh_from_db()
    assert organization.name == "Olivia's organization"


@pytest.mark.parametrize("person", ["mia", "vera"])
def test_settings_are_only_shown_to_who_may_not_change_them(
    request, portal_as, organization, person
):
    client = portal_as(request.getfixturevalue(person))

    page = text_of(client.get(SETTINGS))
    refused = client.post(SETTINGS, {"name": "Mine"})

    assert "Save changes" not in page
    assert "olivia@example.com" not in page
    assert refused.status_code == 403
    organization.refresh_from_db()
    assert organization.name == "Olivia's organization"


def test_switching_changes_what_pages_show(portal_as, organization, olivia):
    second = OrganizationFactory.create(owner=olivia, name="Second")
    client = portal_as(olivia)

    response = client.post("/organizations/switch/", {"organization": second.pk})

    assert (response.status_code, response.headers["Location"]) == (302, "/")
    assert 'value="Second"' in text_of(client.get(SETTINGS))


@pytest.mark.parametrize("chosen", ["foreign", "", "abc", "-1", "9" * 30, "9" * 5_000])
def test_what_one_does_not_belong_to_cannot_be_chosen(
    portal_as, organization, olivia, foreign_organization, chosen
):
    value = foreign_organization.pk if chosen == "foreign" else chosen

    response = portal_as(olivia).post("/organizations/switch/", {"organization": value})

    assert response.status_code == 404
    assert not OrganizationMember.objects.exclude(selected_at=None).exists()


def test_creating_goes_on_in_the_new_one(portal_as, organization, olivia):
    client = portal_as(olivia)

    response = client.post("/organizations/create/", {"name": "Second"})

    assert response.status_code == 302
    assert 'value="Second"' in text_of(client.get(SETTINGS))
    assert Organization.objects.get(name="Second").members.get().user == olivia


def test_too_many_organizations_are_refused_in_the_form(portal_as, organization, olivia):
    for _ in range(19):
        OrganizationFactory.create(owner=olivia)

    response = portal_as(olivia).post("/organizations/create/", {"name": "One too many"})

    assert response.status_code == 200
    assert "One person may own 20 organizations." in text_of(response)
    assert Organization.objects.count() == 20


def test_team_offers_what_the_role_may_do(portal_as, organization, olivia, adam, mia):
    rows = {
        person.email: portal_as(person).get(TEAM).context["members"]
        for person in (olivia, adam, mia)
    }

    def offered(viewer):
        return {
            row.member.user.email: (len(row.roles), row.can_remove, row.is_me)
            for row in rows[viewer.email]
        }

    assert offered(olivia) == {
        olivia.email: (4, True, True),
        adam.email: (4, True, False),
        mia.email: (4, True, False),
    }
    assert offered(adam) == {
        olivia.email: (0, False, False),
        adam.email: (3, True, True),
        mia.email: (3, True, False),
    }
    assert offered(mia) == {
        olivia.email: (0, False, False),
        adam.email: (0, False, False),
        mia.email: (0, True, True),
    }


def test_a_role_is_changed_from_the_team_page(portal_as, organization, adam, mia):
    client = portal_as(adam)
    url = reverse("organizations:member-role", args=[mia.pk])
    assert url in text_of(client.get(TEAM))

    response = client.post(url, {"role": "VIEWER"}, follow=True)

    assert "mia@example.com is viewer now." in text_of(response)
    assert OrganizationMember.objects.get(user=mia).role == "VIEWER"


def test_an_unknown_role_is_refused(portal_as, organization, adam, mia):
    url = reverse("organizations:member-role", args=[mia.pk])

    response = portal_as(adam).post(url, {"role": "BOSS"}, follow=True)

    assert "Choose one of the roles." in text_of(response)
    assert OrganizationMember.objects.get(user=mia).role == "MEMBER"


def test_the_last_owner_stays_and_the_page_says_why(portal_as, organization, olivia):
    client = portal_as(olivia)

    for action, body in (("role", {"role": "ADMIN"}), ("remove", {})):
        response = client.post(f"/team/{olivia.pk}/{action}/", body, follow=True)
        assert "Make another member an owner first." in text_of(response)

    assert OrganizationMember.objects.get(user=olivia).role == "OWNER"


def test_a_member_is_removed(portal_as, organization, adam, mia):
    response = portal_as(adam).post(f"/team/{mia.pk}/remove/", follow=True)

    assert "The member is removed." in text_of(response)
    assert not OrganizationMember.objects.filter(user=mia).exists()


def test_a_member_leaves(portal_as, organization, mia):
    OrganizationFactory.create(owner=mia, name="Mia's own")
    client = portal_as(mia)
    client.post("/organizations/switch/", {"organization": organization.pk})

    response = client.post(f"/team/{mia.pk}/remove/", follow=True)

    assert response.status_code == 200
    assert "You have left" in text_of(response)
    assert not OrganizationMember.objects.filter(user=mia, organization=organization).exists()


@pytest.mark.parametrize(
    ("person", "whom", "action", "status"),
    [
        ("mia", "vera", "role", 403),
        ("mia", "vera", "remove", 403),
        ("adam", "olivia", "role", 403),
        ("adam", "olivia", "remove", 403),
        ("adam", "stan", "role", 404),
        ("adam", "stan", "remove", 404),
    ],
)
def test_what_the_role_may_not_do_is_not_done(
    request, portal_as, organization, person, whom, action, status
):
    client = portal_as(request.getfixturevalue(person))
    target = request.getfixturevalue(whom)
    before = set(OrganizationMember.objects.values_list("user", "role"))

    response = client.post(f"/team/{target.pk}/{action}/", {"role": "ADMIN"})

    assert response.status_code == status
    assert set(OrganizationMember.objects.values_list("user", "role")) == before


@pytest.mark.parametrize("action", ["role", "remove"])
def test_changes_are_posted(portal_as, organization, adam, mia, action):
    assert portal_as(adam).get(f"/team/{mia.pk}/{action}/").status_code == 405


def test_many_members_come_in_pages(portal_as, organization, olivia):
    for _ in range(55):
        MemberFactory.create(organization=organization)
    client = portal_as(olivia)

    first = client.get(TEAM)
    second = client.get(TEAM + first.context["page"]["next_url"])

    assert [len(page.context["members"]) for page in (first, second)] == [50, 6]
    assert first.context["page"]["prev_url"] is None
    assert second.context["page"]["next_url"] is None


def test_a_page_costs_the_same_for_many_members(portal_as, organization, olivia, count_queries):
    client = portal_as(olivia)
    few = count_queries(client, TEAM)

    for _ in range(20):
        MemberFactory.create(organization=organization)

    assert count_queries(client, TEAM) == few


def test_whoever_belongs_to_no_organization_is_told_so(portal_as):
    page = portal_as(UserFactory.create()).get("/profile/").content.decode()

    assert '<summary><span class="quiet">No organization</span>' in page
    assert "Organization , switch" not in page
