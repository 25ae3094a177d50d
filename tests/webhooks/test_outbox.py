"""The outbox: every public event of an organization is owed, in the transaction of its change."""

import re

import pytest
from django.db import transaction

from config.common.events import catalogue, publish
from organizations.models import Organization
from organizations.services import members, organizations, suspension
from organizations.signals import MemberAdded, OrganizationUpdated
from tests.factories.accounts import UserFactory
from tests.factories.organizations import OrganizationFactory
from webhooks import selectors
from webhooks.models import WebhookMessage
from webhooks.services import fan_out, outbox

pytestmark = pytest.mark.django_db


def test_a_message_says_what_happened_and_when(organization):
    suspension.suspend(organization=organization, reason="unpaid")

    message = WebhookMessage.objects.get(event_type="organization.suspended")
    assert message.organization == organization
    assert message.fanned_out_at is None
    stamp = message.occurred_at.isoformat().replace("+00:00", "Z")
    assert message.payload == {
        "type": "organization.suspended",
        "timestamp": stamp,
        "data": {"organization_id": organization.pk, "reason": "unpaid"},
    }
    assert re.fullmatch(r"msg_[A-Za-z0-9_-]{27}", message.message_id)
    assert str(message) == f"organization.suspended {message.message_id}"


def test_every_message_has_an_id_of_its_own(organization):
    for number in range(20):
        organizations.update_organization(organization=organization, changes={"name": f"N{number}"})

    ids = WebhookMessage.objects.values_list("message_id", flat=True)
    assert len(set(ids)) == len(ids)


def test_creating_an_organization_owes_its_two_events():
    organization = OrganizationFactory.create()

    owed = WebhookMessage.objects.filter(organization=organization)
    assert sorted(owed.values_list("event_type", flat=True)) == [
        "organization.created",
        "subscription.created",
    ]


def test_what_is_not_public_is_not_owed(api_as, organization, vera):
    before = WebhookMessage.objects.count()

    assert (
        api_as(vera).patch(f"/api/v1/organizations/{organization.pk}", {"name": "x"}).status_code
        == 403
    )

    assert WebhookMessage.objects.count() == before


def test_what_concerns_no_organization_is_owed_to_nobody():
    with transaction.atomic():
        publish(OrganizationUpdated(organization_id=None, before={}, after={}))

    assert not WebhookMessage.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_owes_nothing(organization):
    before = WebhookMessage.objects.count()

    with transaction.atomic():
        suspension.suspend(organization=organization, reason="unpaid")
        owed = WebhookMessage.objects.count()
        transaction.set_rollback(True)

    assert (owed, WebhookMessage.objects.count()) == (before + 1, before)
    assert Organization.objects.get().status == "ACTIVE"


@pytest.mark.django_db(transaction=True)
def test_a_change_that_cannot_be_owed_does_not_happen(organization, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outbox._outbox, "add", full)

    with pytest.raises(OSError, match="No space"):
        members.add_member(organization=organization, user=UserFactory.create(), role="MEMBER")

    assert organization.members.count() == 1


def test_types_are_names_that_the_standard_allows():
    public = [event.name for event in catalogue() if event.is_public]

    assert public
    assert all(re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)+", name) for name in public)


def test_public_events_belong_to_an_area_that_is_documented():
    areas = {event.name.split(".")[0] for event in catalogue() if event.is_public}

    assert areas <= {
        "organization", "member", "role", "grant", "invitation", "api_key", "usage", "credits", "budget", "subscription",
        "invoice", "payment", "webhook",
    }  # fmt: skip


def test_a_worker_of_the_release_before_gives_places_in_the_feed_too(organization, clock):
    told = MemberAdded(organization_id=organization.pk, user_id=1, role="MEMBER")
    outbox.owe(told, at=clock.now)
    fan_out.fan_out(at=clock.now)
    outbox.owe(told, at=clock.now)

    # What its fan-out does to a message, under the same lock.
    WebhookMessage.objects.filter(fanned_out_at=None).update(fanned_out_at=clock.now)

    *_, before, last = WebhookMessage.objects.order_by("id").values_list("position", flat=True)
    assert before
    assert last == before + 1
    assert [one.position for one in selectors.feed_of(organization, after=before)] == [last]
