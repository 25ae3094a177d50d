"""Keys that are older than the security policy allows: shown, found, told of, and never broken by surprise."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Notice
from apikeys import selectors, tasks
from apikeys.models import ApiKey
from apikeys.services import key_policy, keys
from config.common.errors import InvalidInput
from organizations import access
from organizations.models import Organization
from organizations.services import security_policy
from tests import race
from tests.factories.apikeys import ApiKeyFactory
from tests.factories.organizations import OrganizationFactory


def demand(organization, days):
    security_policy.change_policy(
        tenant=access.on_behalf_of(organization), changes={"max_key_age_days": days}
    )


@pytest.fixture
def aged(organization, foreign_organization):
    """Make keys of many ages and fates, and one of a neighbour's; two of them are outdated at 90 days."""
    now = timezone.now()

    def make(name, days, **columns):
        key = ApiKeyFactory.create(organization=columns.pop("of", organization), name=name)
        ApiKey.objects.filter(pk=key.pk).update(created_at=now - timedelta(days), **columns)
        return key

    make("old", 91)
    make("old and off", 400, disabled_at=now)
    make("just in time", 89)
    make("old and revoked", 400, revoked_at=now)
    make("old and ended", 400, expires_at=now - timedelta(1))
    make("old next door", 400, of=foreign_organization)


@pytest.mark.django_db
def test_they_are_marked_and_found(api_as, portal_as, organization, olivia, aged):
    client = api_as(olivia)
    assert client.get("/api/v1/api-keys?status=outdated").json()["data"] == []
    demand(organization, 90)

    rows = client.get("/api/v1/api-keys").json()["data"]
    found = client.get("/api/v1/api-keys?status=outdated").json()["data"]

    assert {row["name"] for row in rows if row["is_outdated"]} == {"old", "old and off"}
    assert {row["name"] for row in found} == {"old", "old and off"}
    (old,) = [row for row in rows if row["name"] == "old"]
    assert old["status"] == "active"
    assert client.get(f"/api/v1/api-keys/{old['id']}").json()["is_outdated"] is True
    page = portal_as(olivia)
    listed = page.get("/keys/?status=outdated").content.decode()
    assert listed.count('<span class="pill pill-warn">Outdated</span>') == 2
    detail = page.get(f"/keys/{old['id']}/").content.decode()
    assert "Older than the security policy allows" in detail


@pytest.mark.django_db
def test_staff_sees_them(portal_as, sam, organization, aged):
    demand(organization, 90)

    page = portal_as(sam).get("/admin/apikeys/apikey/?status=outdated")

    assert {key.name for key in page.context["cl"].result_list} == {"old", "old and off"}


@pytest.mark.django_db
def test_owners_are_told_how_many_when_the_policy_is_saved(organization, olivia, adam, aged):
    demand(organization, 90)

    notice = Notice.objects.get(kind="api_key.outdated")
    assert (notice.user_id, notice.title) == (olivia.pk, "2 keys are older than 90 days")
    assert notice.link == "/keys/?status=outdated"

    demand(organization, 395)

    titles = Notice.objects.filter(kind="api_key.outdated").order_by("pk")
    assert [one.title for one in titles][1:] == ["1 key is older than 395 days"]


@pytest.mark.django_db
def test_owners_are_told_when_a_key_grows_too_old_later_and_of_each_key_once(
    organization, olivia, foreign_organization, stan, aged
):
    demand(organization, 90)
    demand(foreign_organization, 395)
    Notice.objects.all().delete()

    def told():
        tasks.tell_of_outdated()
        titles = [
            (one.user_id, one.title) for one in Notice.objects.filter(kind="api_key.outdated")
        ]
        Notice.objects.all().delete()
        return titles

    def age(**how):
        ApiKey.objects.filter(name="just in time").update(**how)

    assert told() == []
    age(created_at=timezone.now() - timedelta(days=90))
    assert told() == [(olivia.pk, "1 key is older than 90 days")]
    assert told() == []
    demand(organization, 100)
    Notice.objects.all().delete()
    assert told() == []
    age(created_at=timezone.now() - timedelta(days=100))
    assert told() == [(olivia.pk, "1 key is older than 100 days")]
    demand(organization, None)
    age(outdated_told_at=None)
    assert told() == []


@pytest.mark.django_db(transaction=True)
def test_of_two_jobs_at_once_one_tells():
    organization = OrganizationFactory.create()
    key = ApiKeyFactory.create(organization=organization)
    Organization.objects.filter(pk=organization.pk).update(max_key_age_days=1)
    ApiKey.objects.filter(pk=key.pk).update(created_at=timezone.now() - timedelta(days=2))

    race.behind(
        lambda: key_policy.tell_of_outdated(organization_id=organization.pk, at=timezone.now()),
        lambda: key_policy.tell_of_those_grown_old(at=timezone.now()),
    )

    assert Notice.objects.filter(kind="api_key.outdated").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("days", [None, 3000])
def test_nobody_is_told_of_none(organization, aged, days):
    demand(organization, 3001)
    demand(organization, days)

    assert not Notice.objects.filter(kind="api_key.outdated").exists()


@pytest.mark.django_db
def test_an_outdated_key_works_on_and_can_be_changed_but_not_prolonged(organization, aged):
    demand(organization, 90)
    old, at = ApiKey.objects.get(name="old"), timezone.now()

    keys.update_key(key=old, settings={"description": "Moved over by May"}, at=at)
    with pytest.raises(InvalidInput) as refused:
        keys.update_key(key=old, settings={"expires_at": at + timedelta(1)}, at=at)

    assert [fault.code for fault in refused.value.errors] == ["too_late"]
    old.refresh_from_db()
    assert (old.description, old.expires_at, old.is_usable) == ("Moved over by May", None, True)


@pytest.mark.django_db
def test_a_day_is_a_day(organization):
    key, at = ApiKeyFactory.create(organization=organization), timezone.now()
    Organization.objects.filter(pk=organization.pk).update(max_key_age_days=1)

    def is_outdated(age):
        ApiKey.objects.filter(pk=key.pk).update(created_at=at - age)
        return ApiKey.objects.filter(selectors.outdated(at)).exists()

    assert [is_outdated(timedelta(days=1)), is_outdated(timedelta(seconds=86_399))] == [True, False]


@pytest.mark.django_db(transaction=True)
def test_a_change_waits_for_the_policy_and_is_held_to_it():
    organization = OrganizationFactory.create()
    key = ApiKeyFactory.create(organization=organization, scopes=["orders:read"])

    refused = race.behind(
        lambda: security_policy.change_policy(
            tenant=access.on_behalf_of(organization), changes={"allowed_scopes": ["orders:*"]}
        ),
        lambda: keys.update_key(key=key, settings={"scopes": ["*"]}, at=timezone.now()),
    )

    assert isinstance(refused, InvalidInput)
    assert [fault.code for fault in refused.errors] == ["not_allowed"]
    assert ApiKey.objects.get(pk=key.pk).scopes == ["orders:read"]
