"""Every event becomes an entry: who did what to what, from where, in which request, with nothing secret in it."""

from dataclasses import dataclass

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.services import keys
from audit.chaining import PLATFORM_CHAIN
from audit.models import AuditChain, AuditLog
from audit.services import entries
from config.common import context
from config.common.events import publish, published
from config.common.logs import REDACTED
from organizations.models import Organization
from organizations.services import members, organizations, suspension
from organizations.signals import OrganizationSuspended, OrganizationUpdated
from tests.factories.accounts import UserFactory
from tests.factories.organizations import OrganizationFactory
from tests.race import at_once

pytestmark = pytest.mark.django_db


@dataclass
class Told:
    """What reached the bus."""

    events: list


@pytest.fixture
def bus():
    told = Told([])

    def hear(event, **_):
        told.events.append(event)

    published.connect(hear, weak=False)
    yield told
    published.disconnect(hear)


def test_every_event_gets_one_entry(bus, organization, olivia):
    before = AuditLog.objects.count()
    bus.events.clear()

    organizations.create_organization(owner=olivia, name="Second")
    organizations.update_organization(organization=organization, changes={"name": "First"})
    members.add_member(organization=organization, user=UserFactory.create(), role="MEMBER")
    suspension.suspend(organization=organization, reason="unpaid")
    suspension.reinstate(organization=organization)

    written = AuditLog.objects.order_by("pk")[before:]
    # An event that is published while another one is told is written first: its change came first.
    assert sorted(entry.event for entry in written) == sorted(event.name for event in bus.events)
    assert len(written) == 6


def test_says_who_and_where(organization):
    facts = context.Context(
        request_id="request-0001",
        actor=context.Actor(type="user", id=5, label="sam@example.com"),
        ip="203.0.113.7",
        user_agent="tests/1",
    )

    with context.use(facts):
        suspension.suspend(organization=organization, reason="unpaid")

    entry = AuditLog.objects.get(event="organization.suspended")
    assert (entry.actor_type, entry.actor_id, entry.actor_label) == ("user", 5, "sam@example.com")
    assert (entry.ip, entry.user_agent, entry.request_id) == (
        "203.0.113.7",
        "tests/1",
        "request-0001",
    )
    assert (entry.target_type, entry.target_id) == ("organization", organization.pk)
    assert entry.summary == "organization suspended: unpaid"
    assert entry.data == {"organization_id": organization.pk, "reason": "unpaid"}
    assert (entry.old_values, entry.new_values) == ({"status": "ACTIVE"}, {"status": "SUSPENDED"})


def test_ipv6_and_long_facts_fit(organization):
    facts = context.Context(
        request_id="r" * 64,
        actor=context.Actor(type="user", id=5, label="x" * 300),
        ip="2001:db8::1",
        user_agent="y" * 1000,
    )

    with context.use(facts):
        suspension.suspend(organization=organization, reason="z" * 300)

    entry = AuditLog.objects.get(event="organization.suspended")
    assert (entry.ip, len(entry.actor_label), len(entry.user_agent)) == ("2001:db8::1", 254, 300)
    assert len(entry.summary) == 300


def test_secrets_never_reach_the_log(organization):
    key = "tg_live_" + "a" * 38

    with transaction.atomic():
        publish(
            OrganizationUpdated(
                organization_id=organization.pk,
                before={"password": "hunter2", "nested": {"api_key": "s3cr3t", "note": key}},
                after={"list": [key, {"token": "t0k3n"}]},
            )
        )
        publish(
            OrganizationSuspended(organization_id=organization.pk, reason=f"leaked {key}"),
            after={"suspended_because": f"of {key}"},
        )

    updated, suspended = AuditLog.objects.order_by("-pk")[:2][::-1]
    assert updated.old_values == {
        "password": REDACTED,
        "nested": {"api_key": REDACTED, "note": REDACTED},
    }
    assert updated.new_values == {"list": [REDACTED, {"token": REDACTED}]}
    assert suspended.summary == f"organization suspended: leaked {REDACTED}"
    assert key not in str(suspended.data)
    assert suspended.new_values == {"suspended_because": f"of {REDACTED}"}


def test_each_organization_has_a_chain_and_the_platform_one(organization, foreign_organization):
    suspension.suspend(organization=organization, reason="unpaid")

    for one in (organization, foreign_organization):
        chain = AuditLog.objects.filter(organization_id=one.pk).order_by("sequence")
        assert [entry.sequence for entry in chain] == list(range(1, len(chain) + 1))
        assert {entry.chain for entry in chain} == {one.pk}
        head = AuditChain.objects.get(chain=one.pk)
        assert (head.sequence, bytes(head.hash)) == (len(chain), bytes(chain[len(chain) - 1].hash))


def test_what_concerns_no_organization_is_in_the_platforms_chain(api_as, olivia):
    api_as(olivia)

    entry = AuditLog.objects.get(event="session.started")
    assert (entry.chain, entry.organization_id) == (PLATFORM_CHAIN, None)


def test_costs_two_queries(organization, django_assert_num_queries):
    event = OrganizationSuspended(organization_id=organization.pk, reason="x")

    with django_assert_num_queries(2), transaction.atomic(savepoint=False):
        entries.record(event, at=organization.created_at)


@pytest.mark.django_db(transaction=True)
def test_without_its_entry_the_change_does_not_happen(organization, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(entries._log, "add", full)

    with pytest.raises(OSError, match="No space"):
        suspension.suspend(organization=organization, reason="unpaid")

    assert Organization.objects.get().status == "ACTIVE"


@pytest.mark.django_db(transaction=True)
def test_simultaneous_changes_get_numbers_without_a_gap(organization):
    outcomes = at_once(
        *[
            lambda number=number: organizations.update_organization(
                organization=organization, changes={"metadata": {"number": number}}
            )
            for number in range(8)
        ]
    )

    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    chain = AuditLog.objects.filter(chain=organization.pk).order_by("sequence")
    assert [entry.sequence for entry in chain] == list(range(1, 11))


@pytest.mark.django_db(transaction=True)
def test_two_first_entries_of_a_chain_at_once():
    owner = UserFactory.create()
    outcomes = at_once(*[lambda: OrganizationFactory.create(owner=owner)] * 4)
    fresh = 10_000

    def publish_first():
        with transaction.atomic():
            return entries.record(
                OrganizationSuspended(organization_id=fresh, reason="x"), at=owner.created_at
            )

    firsts = at_once(*[publish_first] * 6)

    assert not [outcome for outcome in (*outcomes, *firsts) if isinstance(outcome, Exception)]
    assert sorted(entry.sequence for entry in firsts) == [1, 2, 3, 4, 5, 6]
    assert AuditChain.objects.get(chain=fresh).sequence == 6


def test_a_change_writes_two_rows_beside_its_own(api_as, organization, adam):
    """The entry and the message owed to webhooks; nothing else is inserted while somebody waits."""
    client = api_as(adam)

    with CaptureQueriesContext(connection) as queries:
        response = client.patch(f"/api/v1/organizations/{organization.pk}", {"name": "Acme"})

    assert response.status_code == 200
    assert [table_of(one["sql"]) for one in queries if one["sql"].startswith("INSERT")] == [
        "webhooks_webhookmessage",
        "audit_auditlog",
    ]


def test_something_new_writes_two_rows_beside_its_own(organization):
    with CaptureQueriesContext(connection) as queries:
        keys.create_key(
            organization=organization,
            created_by=None,
            settings={"name": "Checkout", "environment": "live"},
            at=timezone.now(),
        )

    inserted = [table_of(one["sql"]) for one in queries if one["sql"].startswith("INSERT")]
    assert sorted(inserted) == [
        "apikeys_apikey",
        "apikeys_secret",
        "audit_auditlog",
        "webhooks_webhookmessage",
    ]


def table_of(statement):
    return statement.split('"')[1]
