"""Asking what a presented key is."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys.models import KeyActivity
from apikeys.services import keys
from tests.factories.apikeys import ApiKeyFactory, ServiceKeyFactory

pytestmark = pytest.mark.django_db

PATH = "/api/v1/whoami"


def presented(api, secret):
    """Ask with a key."""
    return api.get(PATH, headers={"Authorization": f"Bearer {secret}"})


def test_tells_what_holds_for_the_key(api, organization):
    key = ApiKeyFactory.create(
        organization=organization,
        name="Checkout",
        scopes=["orders:read"],
        rate_limit=5,
        environment="test",
    )
    at = timezone.now()
    KeyActivity.objects.create(api_key=key, first_used_at=at, last_used_at=at)

    answer = presented(api, key.secret)

    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("last_used_at") is not None
    assert body == {
        "id": key.pk,
        "name": "Checkout",
        "environment": "test",
        "prefix": key.prefix,
        "last4": key.last4,
        "organization": {"id": organization.pk, "name": organization.name},
        "plan": "FREE",
        "scopes": ["orders:read"],
        "rate": {"limit": 5, "per_seconds": 1, "burst": 5},
        "expires_at": None,
    }


def test_the_plans_rate_holds_for_a_key_without_its_own(api, key):
    assert presented(api, key.secret).json()["rate"] == {"limit": 25, "per_seconds": 1, "burst": 50}


def test_an_old_secret_learns_when_it_ends(api, key):
    at = timezone.now()
    _, new = keys.rotate_key(key=key, overlap_seconds=3600, at=at)

    old = presented(api, key.secret).json()

    assert old["last4"] == key.last4
    ends_at = (at + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert old["expires_at"] == ends_at
    assert presented(api, new).json()["expires_at"] is None


def test_the_earlier_end_counts(api, organization):
    ends_at = timezone.now() + timedelta(hours=2)
    key = ApiKeyFactory.create(organization=organization, expires_at=ends_at)
    keys.rotate_key(key=key, overlap_seconds=3600, at=timezone.now())

    assert presented(api, key.secret).json()["expires_at"] < ends_at.isoformat()


@pytest.mark.parametrize("secret", ["tg_live_none", "tg_live_" + "0" * 38, "nothing"])
def test_refuses_what_is_no_key(api, secret):
    assert presented(api, secret).status_code == 401


def test_refuses_people_and_nobody(api, api_as, olivia):
    assert api.get(PATH).status_code == 401
    assert api_as(olivia).get(PATH).status_code == 401


def test_refuses_revoked_keys_and_service_keys(api, key):
    keys.revoke_key(key=key, at=timezone.now())

    assert presented(api, key.secret).status_code == 401
    assert presented(api, ServiceKeyFactory.create().secret).status_code == 401


def test_refuses_query_parameters(api, key):
    answer = api.get(f"{PATH}?verbose=1", headers={"X-API-Key": key.secret})

    assert answer.status_code == 400


def test_a_key_manages_no_keys(api, organization):
    key = ApiKeyFactory.create(organization=organization, scopes=["*", "tollgate:*"])
    header = {"X-API-Key": key.secret}

    assert api.get("/api/v1/api-keys", headers=header).status_code == 200
    assert api.post("/api/v1/api-keys", {"name": "Mine"}, headers=header).status_code == 403
    assert (
        api.patch(f"/api/v1/api-keys/{key.pk}", {"scopes": ["*"]}, headers=header).status_code
        == 403
    )
    assert api.post(f"/api/v1/api-keys/{key.pk}/rotate", {}, headers=header).status_code == 403
    assert organization.api_keys.count() == 1
