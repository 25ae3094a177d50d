"""Security events over REST: an organization's for those who may read its log, and everybody's own."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.services import sessions
from accounts.signals import RefreshTokenReused
from audit.models import AuditLog, SecurityEvent
from config.common import context
from config.common.events import publish
from tests.factories.accounts import UserFactory
from tests.factories.audit import SecurityEventFactory
from tests.factories.organizations import MemberFactory

pytestmark = pytest.mark.django_db
EVENTS = "/api/v1/audit/security-events"
MINE = "/api/v1/users/me/security-events"


@pytest.fixture
def event(organization, mia):
    return SecurityEventFactory.create(
        organization_id=organization.pk,
        user_id=mia.pk,
        data={
            "organization_id": organization.pk,
            "user_id": mia.pk,
            "permission": "members:write",
        },
    )


@pytest.fixture
def client(api_as, olivia):
    return api_as(olivia)


def _ids(client, path=EVENTS, **query):
    response = client.get(path, query)
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["data"]]


def test_an_event_is_told_in_full(client, event, mia, organization):
    (row,) = client.get(EVENTS).json()["data"]

    assert row == {
        "id": event.pk,
        "name": "authz_fail",
        "title": "Permission denied",
        "severity": "WARNING",
        "concerns": "organization",
        "user_id": mia.pk,
        "count": 1,
        "ip": "203.0.113.7",
        "user_agent": "curl/8",
        "request_id": "request-0001",
        "details": {"permission": "members:write"},
        "created_at": row["created_at"],
        "last_seen_at": row["last_seen_at"],
        "acknowledged_at": None,
        "acknowledged_by_id": None,
        "acknowledged_note": "",
    }


def test_a_list_holds_what_concerns_the_organization_only(
    client, event, foreign_organization, stan
):
    SecurityEventFactory.create(organization_id=foreign_organization.pk)
    SecurityEventFactory.create(user_id=stan.pk, name="authn_login_lock")
    SecurityEventFactory.create()

    assert _ids(client) == [event.pk]


def test_an_attack_on_a_member_is_told_without_its_address(client, organization, mia):
    attack = SecurityEventFactory.create(name="authn_token_reuse", user_id=mia.pk, data={"a": 1})
    SecurityEventFactory.create(name="authn_password_change", user_id=mia.pk)

    (row,) = client.get(EVENTS).json()["data"]

    assert (row["id"], row["concerns"], row["user_id"]) == (attack.pk, "member", mia.pk)
    assert [row[name] for name in ("ip", "user_agent", "request_id", "details")] == [None] * 4


def test_what_befell_somebody_before_they_joined_is_not_told(client, organization):
    before = SecurityEventFactory.create(name="authn_token_reuse", user_id=UserFactory.create().pk)
    SecurityEvent.objects.filter(pk=before.pk).update(
        created_at=timezone.now() - timedelta(hours=1)
    )
    person = MemberFactory.create(organization=organization).user
    SecurityEvent.objects.filter(pk=before.pk).update(user_id=person.pk)

    assert _ids(client) == []


def test_who_left_is_not_told_of(client, organization, mia, olivia):
    SecurityEventFactory.create(name="authn_token_reuse", user_id=mia.pk)
    assert len(_ids(client)) == 1

    organization.members.get(user=mia).delete()

    assert _ids(client) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"name": "authz_change"}, ["changed"]),
        ({"severity": "CRITICAL"}, ["reused"]),
        ({"acknowledged": "true"}, ["changed"]),
        ({"acknowledged": "false"}, ["reused", "denied"]),
        ({"since": "2026-02-02T00:00:00Z"}, ["reused", "changed"]),
        ({"until": "2026-02-02T00:00:00Z"}, ["denied"]),
        ({"since": "2026-02-02T00:00:00Z", "name": "authz_change"}, ["changed"]),
        ({"name": "authn_login_lock"}, []),
    ],
    ids=["name", "severity", "seen", "unseen", "since", "until", "two", "none"],
)
def test_a_list_is_filtered(client, organization, olivia, query, expected):
    at = timezone.now()
    made = {
        "denied": SecurityEventFactory.create(organization_id=organization.pk),
        "changed": SecurityEventFactory.create(
            organization_id=organization.pk,
            name="authz_change",
            acknowledged_at=at,
            acknowledged_by_id=olivia.pk,
        ),
        "reused": SecurityEventFactory.create(
            organization_id=organization.pk, name="authn_token_reuse", severity="CRITICAL"
        ),
    }
    for day, event in enumerate(made.values(), start=1):
        moment = f"2026-02-0{day}T08:00:00Z"
        SecurityEvent.objects.filter(pk=event.pk).update(created_at=moment)

    assert _ids(client, **query) == [made[name].pk for name in expected]


def test_a_list_is_filtered_by_person(client, event, mia, vera, organization):
    of_vera = SecurityEventFactory.create(organization_id=organization.pk, user_id=vera.pk)

    assert _ids(client, user_id=vera.pk) == [of_vera.pk]


@pytest.mark.parametrize(
    "query",
    [
        "name=nothing",
        "severity=grave",
        "acknowledged=perhaps",
        "user_id=0",
        "user_id=9999999999999999999",
        "since=yesterday",
        "color=red",
        "name=authz_fail&name=authz_change",
    ],
)
def test_a_wrong_filter_is_refused(client, query):
    response = client.get(f"{EVENTS}?{query}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["location"] == "query"


def test_an_event_is_acknowledged_with_a_note(client, event, olivia):
    before = timezone.now()

    response = client.post(f"{EVENTS}/{event.pk}/acknowledge", {"note": "  Mia was told. "})

    row = response.json()
    assert response.status_code == 200
    assert (row["acknowledged_by_id"], row["acknowledged_note"]) == (olivia.pk, "Mia was told.")
    event.refresh_from_db()
    assert event.acknowledged_at >= before
    entry = AuditLog.objects.get(event="security_event.acknowledged")
    assert (entry.organization_id, entry.actor_id) == (event.organization_id, olivia.pk)
    assert entry.data["note"] == "Mia was told."


def test_the_first_one_to_acknowledge_stays(client, api_as, adam, event, olivia):
    client.post(f"{EVENTS}/{event.pk}/acknowledge", {"note": "first"})

    response = api_as(adam).post(f"{EVENTS}/{event.pk}/acknowledge", {"note": "second"})

    assert response.status_code == 200
    assert response.json()["acknowledged_by_id"] == olivia.pk
    assert response.json()["acknowledged_note"] == "first"
    assert AuditLog.objects.filter(event="security_event.acknowledged").count() == 1


@pytest.mark.parametrize(
    "body", [{"note": "x" * 301}, {"note": "\x00"}, {"note": None}, {"remark": "x"}, []],
    ids=["long", "nul", "null", "unknown", "list"],
)  # fmt: skip
def test_a_wrong_note_is_refused(client, event, body):
    response = client.post(f"{EVENTS}/{event.pk}/acknowledge", body)

    assert response.status_code == 400
    event.refresh_from_db()
    assert event.acknowledged_at is None


def test_an_attack_on_a_member_is_not_the_organizations_to_acknowledge(client, organization, mia):
    attack = SecurityEventFactory.create(name="authn_token_reuse", user_id=mia.pk)

    assert client.post(f"{EVENTS}/{attack.pk}/acknowledge", {}).status_code == 404
    attack.refresh_from_db()
    assert attack.acknowledged_at is None


def test_my_own_events_are_told_with_their_addresses(api_as, mia, organization):
    client = api_as(mia)
    SecurityEventFactory.create(user_id=mia.pk, organization_id=organization.pk)
    SecurityEventFactory.create(user_id=mia.pk)
    with context.use(context.Context(ip="198.51.100.4")):
        publish(RefreshTokenReused(user_id=mia.pk, session_id=1))

    (row,) = client.get(MINE).json()["data"]

    assert (row["name"], row["severity"], row["concerns"]) == (
        "authn_token_reuse",
        "CRITICAL",
        "you",
    )
    assert (row["ip"], row["details"]) == ("198.51.100.4", {"session_id": 1})


def test_nobody_sees_the_events_of_another_person(api_as, mia, vera, organization):
    SecurityEventFactory.create(user_id=mia.pk, name="authn_login_fail")

    assert _ids(api_as(vera), MINE) == []


def test_a_failed_sign_in_appears_among_my_own(api, api_as, mia):
    with pytest.raises(sessions.InvalidCredentials):
        sessions.authenticate(email=mia.email, password="not the password", at=timezone.now())

    (row,) = api_as(mia).get(MINE, {"name": "authn_login_fail"}).json()["data"]
    assert row["severity"] == "INFO"


def test_a_change_of_role_appears_for_the_organization(client, organization, mia):
    response = client.patch(
        f"/api/v1/organizations/{organization.pk}/members/{mia.pk}", {"role": "ADMIN"}
    )

    assert response.status_code == 200
    (row,) = client.get(EVENTS).json()["data"]
    assert (row["name"], row["user_id"]) == ("authz_change", mia.pk)
    assert row["details"]["after"] == {"role": "ADMIN"}
