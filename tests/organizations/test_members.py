"""Members: changing roles, removing, leaving, handing over. Who may do what to whom."""

import pytest

from audit.models import AuditLog
from organizations.models import Organization, OrganizationInvitation, OrganizationMember
from organizations.services import members
from organizations.services.members import AlreadyMember, SeatLimitReached
from tests.clients import grow_old
from tests.factories.accounts import UserFactory
from tests.factories.organizations import MemberFactory, OrganizationFactory
from tests.race import at_once

pytestmark = pytest.mark.django_db
PEOPLE = ("olivia", "adam", "mia", "vera")


@pytest.fixture
def people(olivia, adam, mia, vera, stan):
    return {"olivia": olivia, "adam": adam, "mia": mia, "vera": vera, "stan": stan}


def url_of(organization, user):
    return f"/api/v1/organizations/{organization.pk}/members/{user.pk}"


def roles(organization):
    rows = OrganizationMember.objects.filter(organization=organization)
    return {row.user.email.split("@")[0]: row.role for row in rows.select_related("user")}


EVERYBODY = {"olivia": "OWNER", "adam": "ADMIN", "mia": "MEMBER", "vera": "VIEWER"}
ROLE_CHANGES = [
    # who, whom, to which role, status
    ("olivia", "mia", "OWNER", 200),
    ("olivia", "mia", "ADMIN", 200),
    ("olivia", "adam", "VIEWER", 200),
    ("olivia", "olivia", "ADMIN", 409),
    ("olivia", "olivia", "OWNER", 200),
    ("olivia", "stan", "ADMIN", 404),
    ("adam", "mia", "VIEWER", 200),
    ("adam", "mia", "ADMIN", 200),
    ("adam", "adam", "MEMBER", 200),
    ("adam", "mia", "OWNER", 403),
    ("adam", "adam", "OWNER", 403),
    ("adam", "olivia", "ADMIN", 403),
    ("adam", "olivia", "OWNER", 403),
    ("mia", "vera", "MEMBER", 403),
    ("mia", "mia", "OWNER", 403),
    ("vera", "vera", "ADMIN", 403),
    ("stan", "mia", "VIEWER", 404),
    ("stan", "stan", "OWNER", 404),
]


@pytest.mark.parametrize(("who", "whom", "role", "status"), ROLE_CHANGES)
def test_who_may_give_which_role_to_whom(api_as, organization, people, who, whom, role, status):
    response = api_as(people[who]).patch(url_of(organization, people[whom]), {"role": role})

    assert response.status_code == status
    assert roles(organization) == (EVERYBODY | {whom: role} if status == 200 else EVERYBODY)


def test_a_changed_role_is_told_with_old_and_new(api_as, organization, people, told):
    told()
    client = api_as(people["adam"])

    body = client.patch(url_of(organization, people["mia"]), {"role": "VIEWER"}).json()

    assert body["user"]["email"] == "mia@example.com"
    assert body["role"] == "VIEWER"
    assert told() == ["session.started", "member.role_changed"]
    entry = AuditLog.objects.get(event="member.role_changed")
    assert (entry.old_values, entry.new_values) == ({"role": "MEMBER"}, {"role": "VIEWER"})
    assert (entry.target_type, entry.target_id) == ("user", people["mia"].pk)


def test_the_same_role_again_tells_nothing(api_as, organization, people, told):
    client = api_as(people["adam"])
    told()

    assert client.patch(url_of(organization, people["mia"]), {"role": "MEMBER"}).status_code == 200

    assert told() == []


@pytest.mark.parametrize("role", ["owner", "", None, "BOSS", 1])
def test_refuses_a_role_that_does_not_exist(api_as, organization, people, role):
    response = api_as(people["olivia"]).patch(url_of(organization, people["mia"]), {"role": role})

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "#/role"
    assert roles(organization) == EVERYBODY


REMOVALS = [
    ("olivia", "adam", 204),
    ("olivia", "vera", 204),
    ("olivia", "olivia", 409),
    ("olivia", "stan", 404),
    ("adam", "mia", 204),
    ("adam", "adam", 204),
    ("adam", "olivia", 403),
    ("mia", "mia", 204),
    ("mia", "vera", 403),
    ("vera", "vera", 204),
    ("vera", "olivia", 403),
    ("vera", "stan", 403),
    ("stan", "mia", 404),
]


@pytest.mark.parametrize(("who", "whom", "status"), REMOVALS)
def test_who_may_remove_whom(api_as, organization, people, who, whom, status):
    response = api_as(people[who]).delete(url_of(organization, people[whom]))

    assert response.status_code == status
    left = {name: role for name, role in EVERYBODY.items() if status != 204 or name != whom}
    assert roles(organization) == left
    removed = AuditLog.objects.filter(event="member.removed").count()
    assert removed == (1 if status == 204 else 0)


def test_one_of_two_owners_may_remove_the_other(api_as, organization, olivia):
    second = MemberFactory.create(organization=organization, role="OWNER").user

    assert api_as(second).delete(url_of(organization, olivia)).status_code == 204

    assert api_as(olivia).get(f"/api/v1/organizations/{organization.pk}").status_code == 404


def test_ownership_is_handed_over_at_once(api_as, organization, people, told):
    told()
    client = api_as(people["olivia"])

    response = client.post(
        f"/api/v1/organizations/{organization.pk}/transfer-ownership",
        {"user_id": people["mia"].pk},
    )

    assert response.status_code == 200
    assert response.json()["role"] == "OWNER"
    assert roles(organization) == EVERYBODY | {"mia": "OWNER", "olivia": "ADMIN"}
    assert told() == [
        "session.started",
        "member.role_changed",
        "member.role_changed",
        "organization.ownership_transferred",
    ]


@pytest.mark.parametrize(
    ("who", "whom", "status"),
    [
        ("olivia", "olivia", 409),
        ("olivia", "stan", 404),
        ("adam", "adam", 403),
        ("mia", "mia", 403),
        ("stan", "stan", 404),
    ],
)
def test_ownership_is_not_handed_over(api_as, organization, people, who, whom, status):
    response = api_as(people[who]).post(
        f"/api/v1/organizations/{organization.pk}/transfer-ownership",
        {"user_id": people[whom].pk},
    )

    assert response.status_code == status
    assert roles(organization) == EVERYBODY


@pytest.mark.parametrize("user_id", [0, -1, 2**63, 1.5, "x", None, [], True])
def test_refuses_an_heir_that_is_no_id(api_as, organization, olivia, user_id):
    response = api_as(olivia).post(
        f"/api/v1/organizations/{organization.pk}/transfer-ownership", {"user_id": user_id}
    )

    # A boolean is a whole number to Python, and 1 is nobody here.
    assert response.status_code in ({400, 404} if user_id is True else {400})
    assert roles(organization) == {"olivia": "OWNER"}


def test_seats_are_limited_by_the_plan(organization, adam, mia):
    Organization.objects.filter(pk=organization.pk).update(seat_limit=3)

    with pytest.raises(SeatLimitReached):
        members.add_member(organization=organization, user=UserFactory.create(), role="VIEWER")

    assert set(roles(organization)) == {"olivia", "adam", "mia"}


def test_a_member_is_not_added_twice(organization, adam):
    with pytest.raises(AlreadyMember):
        members.add_member(organization=organization, user=adam, role="OWNER")

    assert roles(organization)["adam"] == "ADMIN"


@pytest.mark.django_db(transaction=True)
def test_the_last_seat_is_given_once(organization):
    Organization.objects.filter(pk=organization.pk).update(seat_limit=2)
    people = [UserFactory.create() for _ in range(6)]

    outcomes = at_once(
        *[
            lambda user=user: members.add_member(
                organization=organization, user=user, role="MEMBER"
            )
            for user in people
        ]
    )

    names = sorted(type(outcome).__name__ for outcome in outcomes)
    assert names == ["OrganizationMember"] + ["SeatLimitReached"] * 5
    assert OrganizationMember.objects.filter(organization=organization).count() == 2


@pytest.mark.django_db(transaction=True)
def test_one_person_is_added_once(organization):
    user = UserFactory.create()

    outcomes = at_once(
        *[lambda: members.add_member(organization=organization, user=user, role="MEMBER")] * 4
    )

    names = sorted(type(outcome).__name__ for outcome in outcomes)
    assert names == ["AlreadyMember"] * 3 + ["OrganizationMember"]


def test_choosing_the_current_organization(api_as, olivia, organization):
    second = OrganizationFactory.create(owner=olivia)
    client = api_as(olivia)

    response = client.post(f"/api/v1/organizations/{second.pk}/select")

    assert response.status_code == 200
    assert response.json()["id"] == second.pk
    client.post("/api/v1/api-keys", {"name": "Second's"})
    assert client.get("/api/v1/api-keys").json()["data"][0]["name"] == "Second's"
    client.post(f"/api/v1/organizations/{organization.pk}/select")
    assert client.get("/api/v1/api-keys").json()["data"] == []


def test_a_foreign_organization_cannot_be_chosen(api_as, olivia, foreign_organization):
    response = api_as(olivia).post(f"/api/v1/organizations/{foreign_organization.pk}/select")

    assert response.status_code == 404


def test_choosing_takes_no_body(api_as, olivia, organization):
    response = api_as(olivia).post(
        f"/api/v1/organizations/{organization.pk}/select", {"role": "OWNER"}
    )

    assert response.status_code == 400


def test_an_owner_is_made_by_who_has_just_proved_who_they_are(api_as, organization, people):
    api = api_as(people["olivia"])
    grow_old(people["olivia"])

    refused = api.patch(url_of(organization, people["mia"]), {"role": "OWNER"})
    invited = api.post(
        f"/api/v1/organizations/{organization.pk}/invitations",
        {"email": "nora@example.com", "role": "OWNER"},
    )
    other = api.patch(url_of(organization, people["mia"]), {"role": "ADMIN"})

    for answer in (refused, invited):
        assert (answer.status_code, answer.json()["code"]) == (403, "reauthentication_required")
    assert other.status_code == 200
    assert roles(organization) == EVERYBODY | {"mia": "ADMIN"}
    assert not OrganizationInvitation.objects.exists()
