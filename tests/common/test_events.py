"""The bus: facts are told inside the transaction of the change, to everyone, in its order."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum

import pytest
from django.db import transaction

from accounts.models import User
from audit.models import AuditLog
from config.common import events
from config.common.events import DomainEvent, PublishedOutsideTransaction, publish, published
from organizations.models import Organization
from organizations.services import organizations
from organizations.signals import MemberAdded, OrganizationSuspended
from tests.factories.accounts import UserFactory
from webhooks.models import WebhookMessage


@contextmanager
def listening(receiver, sender=None) -> Iterator[None]:
    published.connect(receiver, sender=sender, weak=False)
    try:
        yield
    finally:
        published.disconnect(receiver, sender=sender)


@pytest.mark.django_db(transaction=True)
def test_publishing_outside_a_transaction_is_refused():
    with pytest.raises(PublishedOutsideTransaction, match=r"organization\.suspended"):
        publish(OrganizationSuspended(organization_id=1, reason="late"))

    assert not AuditLog.objects.exists()
    assert not WebhookMessage.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_failing_receiver_rolls_the_change_back():
    owner = UserFactory.create()

    def fail(**_: object) -> None:
        raise RuntimeError("no")

    with listening(fail), pytest.raises(RuntimeError):
        organizations.create_organization(owner=owner, name="Never")

    assert not Organization.objects.exists()
    assert not AuditLog.objects.exists()
    assert not WebhookMessage.objects.exists()
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_receivers_hear_the_event_and_its_time(organization):
    heard = []
    event = OrganizationSuspended(organization_id=organization.pk, reason="unpaid")

    with listening(lambda event, at, **_: heard.append((event, at)), OrganizationSuspended):
        publish(event, after={"status": "SUSPENDED"})

    assert [told for told, _ in heard] == [event]
    assert heard[0][1].tzinfo is not None


@pytest.mark.django_db
def test_only_events_of_the_named_kind_reach_a_receiver(organization):
    heard = []

    with listening(lambda event, **_: heard.append(event), OrganizationSuspended):
        organizations.update_organization(organization=organization, changes={"name": "Other"})

    assert heard == []


@pytest.mark.django_db
def test_audit_and_outbox_agree_on_the_time(organization):
    entry = AuditLog.objects.get(event="organization.created", organization_id=organization.pk)
    message = WebhookMessage.objects.get(
        event_type="organization.created", organization_id=organization.pk
    )

    assert entry.occurred_at == message.occurred_at


def test_names_are_unique():
    with pytest.raises(TypeError, match=r"names both OrganizationSuspended and .*Second"):

        class Second(DomainEvent):
            name = "organization.suspended"
            summary = "twice"

    assert events._catalogue["organization.suspended"] is OrganizationSuspended


@pytest.mark.parametrize("name", ["organization", "Organization.created", "organization.", "a-b.c"])
def test_names_have_one_form(name):
    with pytest.raises(TypeError, match="named like"):
        type("Odd", (DomainEvent,), {"name": name, "summary": "odd"})

    assert name not in events._catalogue


def test_the_class_with_slots_is_the_one_in_the_catalogue():
    assert OrganizationSuspended in list(events.catalogue())
    assert "__slots__" in OrganizationSuspended.__dict__


def test_an_event_names_its_target_and_describes_itself():
    event = MemberAdded(organization_id=1, user_id=5, role="ADMIN")

    assert event.target_id == 5
    assert event.describe() == "user 5 added as ADMIN"


def test_data_is_what_json_can_hold():
    class Color(StrEnum):
        RED = "red"

    event = OrganizationSuspended(organization_id=1, reason="x")
    object.__setattr__(
        event, "reason", {"at": datetime(2026, 1, 2, tzinfo=UTC), "color": Color.RED, 3: ()}
    )

    assert event.as_data() == {
        "organization_id": 1,
        "reason": {"at": "2026-01-02T00:00:00Z", "color": "red", "3": []},
    }


@pytest.mark.django_db
def test_a_rolled_back_change_leaves_neither_entry_nor_message(organization):
    before = AuditLog.objects.count(), WebhookMessage.objects.count()

    with transaction.atomic():
        organizations.update_organization(organization=organization, changes={"name": "Gone"})
        transaction.set_rollback(True)

    organization.refresh_from_db()
    assert organization.name == "Olivia's organization"
    assert (AuditLog.objects.count(), WebhookMessage.objects.count()) == before
