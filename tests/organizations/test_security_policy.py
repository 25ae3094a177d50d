"""The security policy: a second factor, addresses, and what keys may be; nobody locks themselves out with it."""

from datetime import timedelta
from typing import Any, cast

import pytest
from django.utils import timezone

from apikeys.models import ApiKey
from audit.models import AuditLog
from config.common.errors import InvalidInput
from config.common.models import OutgoingMail
from organizations import access
from organizations.models import Organization
from organizations.roles import Permission
from organizations.services import security_policy
from organizations.services.security_policy import Policy
from tests.clients import grow_old
from tests.factories.accounts import PasskeyFactory
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db
HERE = "127.0.0.1"


def url(organization):
    return f"/api/v1/organizations/{organization.pk}/security-policy"


def ask_for(organization, **policy: Any):
    security_policy.change_policy(
        tenant=access.on_behalf_of(organization), changes=cast("Policy", policy)
    )


def test_a_policy_is_read_and_changed(api_as, organization, adam, told):
    client = api_as(adam)
    told()

    response = client.patch(
        url(organization),
        {"max_key_age_days": 90, "allowed_scopes": ["orders:*"], "console_networks": ["127.0.0.1"]},
    )

    assert response.status_code == 200
    assert response.json() == client.get(url(organization)).json()
    assert response.json() == {
        "requires_two_factor": False,
        "max_key_age_days": 90,
        "allowed_scopes": ["orders:*"],
        "console_networks": ["127.0.0.1/32"],
    }
    assert told() == ["organization.security_policy_changed"]
    entry = AuditLog.objects.get(event="organization.security_policy_changed")
    assert entry.old_values["max_key_age_days"] is None
    assert entry.new_values["console_networks"] == ["127.0.0.1/32"]


@pytest.fixture
def strict(organization):
    """The organization with a policy that somebody might wish away."""
    ask_for(organization, max_key_age_days=30, allowed_scopes=["orders:*"])
    return Organization.objects.get(pk=organization.pk)


def is_untouched(organization):
    now = Organization.objects.get(pk=organization.pk)
    return (now.max_key_age_days, now.allowed_scopes) == (30, ["orders:*"])


def test_it_is_changed_by_who_has_just_proved_who_they_are(api_as, strict, olivia, told):
    client = api_as(olivia)
    grow_old(olivia)
    told()

    refused = client.patch(url(strict), {"max_key_age_days": None, "allowed_scopes": []})

    assert (refused.status_code, refused.json()["code"]) == (403, "reauthentication_required")
    assert is_untouched(strict)
    assert told() == []
    assert client.get(url(strict)).status_code == 200


def test_the_page_asks_for_the_proof_and_leads_back(portal_as, strict, olivia, told):
    page, form = portal_as(olivia), {"max_key_age_days": "", "allowed_scopes": "*"}
    grow_old(olivia)
    told()

    asked = page.post("/organization/security/", form)

    assert asked["Location"] == "/confirm/?next=%2Forganization%2Fsecurity%2F"
    assert is_untouched(strict)
    assert told() == []
    assert page.get("/organization/security/").status_code == 200
    olivia.sessions.update(authenticated_at=timezone.now())
    assert page.post("/organization/security/", form)["Location"] == "/organization/security/"
    changed = Organization.objects.get(pk=strict.pk)
    assert (changed.max_key_age_days, changed.allowed_scopes) == (None, ["*"])


@pytest.mark.parametrize("who", ["mia", "vera"])
def test_who_may_not_change_it_sees_it(request, api_as, organization, who):
    client = api_as(request.getfixturevalue(who))

    got = client.get(url(organization)), client.patch(url(organization), {"max_key_age_days": 1})

    assert [one.status_code for one in got] == [200, 403]
    assert Organization.objects.get(pk=organization.pk).max_key_age_days is None


def test_members_without_a_second_factor_are_kept_out_and_told_how(
    api_as, portal_as, organization, olivia, vera
):
    PasskeyFactory.create(user=olivia)
    client, theirs, page = api_as(olivia), api_as(vera), portal_as(vera)

    response = client.patch(url(organization), {"requires_two_factor": True})

    assert response.status_code == 200
    refused = theirs.get("/api/v1/api-keys")
    assert (refused.status_code, refused.json()["code"]) == (
        403,
        "organization_requires_two_factor",
    )
    assert "set one up under Security" in refused.json()["detail"]
    assert refused.json()["set_up_url"].endswith("/security/")
    shown = page.get("/keys/")
    assert shown.status_code == 403
    assert 'href="/security/"' in shown.content.decode()
    mails = OutgoingMail.objects.filter(kind="organizations/two_factor_required")
    assert list(mails.values_list("recipient", flat=True)) == [vera.email]
    assert client.get("/api/v1/api-keys").status_code == 200
    PasskeyFactory.create(user=vera)
    assert theirs.get("/api/v1/api-keys").status_code == 200


def test_who_is_kept_out_finds_their_account_and_other_organizations(
    api_as, portal_as, organization, vera
):
    client, page = api_as(vera), portal_as(vera)
    other = client.post("/api/v1/organizations", {"name": "Vera's own"}).json()
    ask_for(organization, requires_two_factor=True)

    assert client.get("/api/v1/users/me").status_code == 200
    assert len(client.get("/api/v1/organizations").json()["data"]) == 2
    assert page.get("/security/").status_code == 200
    assert page.get("/organizations/switch/").status_code == 200
    headers = {"X-Organization-Id": str(other["id"])}
    assert client.get("/api/v1/api-keys", headers=headers).status_code == 200


def test_the_author_needs_a_second_factor_first(api_as, organization, olivia):
    refused = api_as(olivia).patch(url(organization), {"requires_two_factor": True})

    assert (refused.status_code, refused.json()["code"]) == (409, "would_lock_you_out")
    assert not Organization.objects.get(pk=organization.pk).requires_two_factor
    assert not OutgoingMail.objects.filter(kind="organizations/two_factor_required").exists()


@pytest.mark.parametrize("networks", [["203.0.113.0/24"], ["::1"], ["0.0.0.0/32"]])
def test_the_author_cannot_leave_their_own_address_out(api_as, organization, olivia, networks):
    refused = api_as(olivia).patch(url(organization), {"console_networks": networks})

    assert (refused.status_code, refused.json()["code"]) == (409, "would_lock_you_out")
    assert Organization.objects.get(pk=organization.pk).console_networks == []


def test_people_come_in_from_listed_addresses_only(api_as, portal_as, organization, olivia):
    client, page = api_as(olivia), portal_as(olivia)
    assert client.patch(url(organization), {"console_networks": ["127.0.0.0/8"]}).status_code == 200

    elsewhere = client.get("/api/v1/api-keys", REMOTE_ADDR="203.0.113.7")
    forged = client.get(
        "/api/v1/api-keys", REMOTE_ADDR="203.0.113.7", headers={"X-Forwarded-For": HERE}
    )

    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "console_address_refused")
    assert forged.status_code == 403
    assert page.get("/keys/", REMOTE_ADDR="203.0.113.7").status_code == 403
    assert [client.get("/api/v1/api-keys").status_code, page.get("/keys/").status_code] == [
        200,
        200,
    ]


def test_keys_and_staff_are_not_held_by_the_address_list(api, organization, olivia):
    key = ApiKeyFactory.create(organization=organization, scopes=["tollgate:*"])
    ask_for(organization, console_networks=["203.0.113.0/24"], requires_two_factor=True)

    answer = api.get("/api/v1/api-keys", headers={"Authorization": f"Bearer {key.secret}"})

    assert answer.status_code == 200
    assert access.on_behalf_of(organization).may(Permission.KEYS_WRITE)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"console_networks": ["nowhere"]}, "#/console_networks/0"),
        ({"console_networks": ["127.0.0.1"] * 51}, "#/console_networks"),
        ({"max_key_age_days": 0}, "#/max_key_age_days"),
        ({"max_key_age_days": 10**9}, "#/max_key_age_days"),
        ({"allowed_scopes": ["a b"]}, "#/allowed_scopes/0"),
        ({"requires_two_factor": "yes"}, "#/requires_two_factor"),
    ],
)
def test_what_is_no_policy_is_refused(api_as, organization, olivia, body, pointer):
    refused = api_as(olivia).patch(url(organization), body)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, pointer)
    assert Organization.objects.get(pk=organization.pk).console_networks == []


@pytest.mark.parametrize("days", [0, security_policy.MAX_KEY_AGE_DAYS + 1])
def test_operators_are_held_to_sensible_ages_as_well(organization, days):
    with pytest.raises(InvalidInput) as refused:
        ask_for(organization, max_key_age_days=days)

    assert [fault.pointer for fault in refused.value.errors] == ["#/max_key_age_days"]


def test_keys_get_no_scope_beyond_the_list(api_as, portal_as, organization, olivia):
    ask_for(organization, allowed_scopes=["orders:*", "tollgate:usage:read"])
    client = api_as(olivia)

    fine = client.post("/api/v1/api-keys", {"name": "A", "scopes": ["orders:read", "orders:*"]})
    refused = client.post("/api/v1/api-keys", {"name": "B", "scopes": ["orders:read", "*"]})
    changed = client.patch(f"/api/v1/api-keys/{fine.json()['id']}", {"scopes": ["users:read"]})
    page = portal_as(olivia).post(
        "/keys/create/", {"name": "C", "environment": "live", "scopes": "users:read"}
    )

    assert fine.status_code == 201
    assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [
        ("#/scopes/1", "not_allowed")
    ]
    assert (refused.status_code, changed.status_code) == (400, 400)
    assert "does not allow the scope users:read" in page.content.decode()
    assert list(ApiKey.objects.values_list("scopes", flat=True)) == [["orders:read", "orders:*"]]


def test_keys_end_when_the_policy_says_at_the_latest(api_as, organization, olivia, clock):
    ask_for(organization, max_key_age_days=30)
    client = api_as(olivia)
    now = timezone.now()

    made = client.post("/api/v1/api-keys", {"name": "A"}).json()
    late = client.post(
        "/api/v1/api-keys",
        {"name": "B", "expires_at": (now + timedelta(days=30, seconds=1)).isoformat()},
    )
    soon = client.post(
        "/api/v1/api-keys", {"name": "C", "expires_at": (now + timedelta(days=30)).isoformat()}
    )
    clock.shift(timedelta(days=1))
    client = api_as(olivia)
    longer = client.patch(
        f"/api/v1/api-keys/{made['id']}", {"expires_at": (now + timedelta(days=31)).isoformat()}
    )
    forever = client.patch(f"/api/v1/api-keys/{made['id']}", {"expires_at": None})

    assert made["expires_at"] == "2026-04-01T09:00:00Z"
    assert [(e["pointer"], e["code"]) for e in late.json()["errors"]] == [
        ("#/expires_at", "too_late")
    ]
    assert (late.status_code, soon.status_code, longer.status_code) == (400, 201, 400)
    assert (forever.status_code, forever.json()["expires_at"]) == (200, "2026-04-01T09:00:00Z")


def test_the_policy_of_one_organization_says_nothing_about_another(
    api_as, organization, foreign_organization, stan
):
    ask_for(organization, requires_two_factor=True, console_networks=["203.0.113.0/24"])

    assert api_as(stan).get("/api/v1/api-keys").status_code == 200
