"""At least one owner, always: by the services, by raw SQL, and under races."""

import contextlib
from functools import partial
from threading import Barrier

import psycopg
import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from accounts.services import suspension
from organizations import access
from organizations.models import Organization, OrganizationMember, Role
from organizations.services import (
    departures,
    members,
)
from organizations.services.departures import SoleOwner
from organizations.services.members import LastOwner, OwnerMustBeActive
from tests.factories.accounts import UserFactory
from tests.factories.organizations import MemberFactory, OrganizationFactory
from tests.race import at_once

DEMOTE = "UPDATE organizations_organizationmember SET role = 'MEMBER' WHERE id = %s"
DELETE = "DELETE FROM organizations_organizationmember WHERE id = %s"


def owners_of(organization):
    found = OrganizationMember.objects.filter(organization=organization, role=Role.OWNER)
    return list(found.order_by("id").values_list("user_id", flat=True))


@pytest.mark.django_db
def test_the_last_owner_cannot_be_demoted(organization, olivia):
    with pytest.raises(LastOwner):
        members.change_role(tenant=access.tenant_of(olivia), user_id=olivia.pk, role=Role.ADMIN)

    assert owners_of(organization) == [olivia.pk]


@pytest.mark.django_db
def test_the_last_owner_cannot_leave(organization, olivia, adam):
    with pytest.raises(LastOwner):
        members.remove_member(tenant=access.tenant_of(olivia), user_id=olivia.pk)

    assert owners_of(organization) == [olivia.pk]


@pytest.mark.django_db
def test_one_of_two_owners_can_go(organization, olivia):
    second = MemberFactory.create(organization=organization, role=Role.OWNER)

    members.remove_member(tenant=access.tenant_of(olivia), user_id=olivia.pk)

    assert owners_of(organization) == [second.user_id]


@pytest.mark.django_db
def test_an_owner_does_not_go_while_the_other_one_is_suspended(organization, olivia, adam):
    second = MemberFactory.create(organization=organization, role=Role.OWNER)
    suspension.suspend(user=second.user, reason="misuse")
    tenant = access.tenant_of(olivia, organization.pk)

    for go in (
        lambda: members.leave(user=olivia, organization_id=organization.pk),
        lambda: members.change_role(tenant=tenant, user_id=olivia.pk, role=Role.ADMIN),
    ):
        with pytest.raises(LastOwner):
            go()
    with pytest.raises(SoleOwner):
        departures.require_no_orphans(user_id=olivia.pk)
    assert owners_of(organization) == [olivia.pk, second.user_id]

    members.remove_member(tenant=tenant, user_id=second.user_id)
    assert owners_of(organization) == [olivia.pk]


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["transfer", "change_role", "add_member", "staff"])
def test_nobody_who_is_suspended_becomes_an_owner(organization, olivia, adam, how):
    heir = UserFactory.create() if how == "add_member" else adam
    suspension.suspend(user=heir, reason="misuse")
    tenant, staff = access.tenant_of(olivia, organization.pk), access.on_behalf_of(organization)
    hand_over = {
        "transfer": lambda: members.transfer_ownership(tenant=tenant, user_id=adam.pk),
        "change_role": lambda: members.change_role(tenant=tenant, user_id=adam.pk, role="OWNER"),
        "add_member": lambda: members.add_member(
            organization=organization, user=heir, role=Role.OWNER
        ),
        "staff": lambda: members.change_role(tenant=staff, user_id=adam.pk, role="OWNER"),
    }[how]

    with pytest.raises(OwnerMustBeActive):
        hand_over()

    assert owners_of(organization) == [olivia.pk]


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_demote_each_other_leave_one(organization, olivia):
    second = MemberFactory.create(organization=organization, role=Role.OWNER).user

    for _ in range(10):
        OrganizationMember.objects.filter(organization=organization).update(role=Role.OWNER)
        tenants = {user.pk: access.tenant_of(user) for user in (olivia, second)}

        outcomes = at_once(
            partial(
                members.change_role,
                tenant=tenants[olivia.pk],
                user_id=second.pk,
                role=Role.MEMBER,
            ),
            partial(
                members.change_role,
                tenant=tenants[second.pk],
                user_id=olivia.pk,
                role=Role.MEMBER,
            ),
        )

        # The one who comes second has been demoted meanwhile, and may demote nobody.
        names = sorted(type(outcome).__name__ for outcome in outcomes)
        assert names == ["Forbidden", "OrganizationMember"]
        assert len(owners_of(organization)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_once_leave_one(organization, olivia):
    second = MemberFactory.create(organization=organization, role=Role.OWNER).user
    leaving = [
        partial(members.remove_member, tenant=access.tenant_of(user), user_id=user.pk)
        for user in (olivia, second)
    ]

    outcomes = at_once(*leaving)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastOwner", "NoneType"]
    assert len(owners_of(organization)) == 1


@pytest.mark.django_db(transaction=True)
def test_handing_over_while_everybody_leaves_leaves_an_owner(organization, olivia):
    second = MemberFactory.create(organization=organization, role=Role.OWNER).user
    heir = MemberFactory.create(organization=organization, role=Role.MEMBER).user
    tenants = {user.pk: access.tenant_of(user) for user in (olivia, second, heir)}
    leaving = [
        partial(members.remove_member, tenant=tenants[user.pk], user_id=user.pk)
        for user in (olivia, second, heir)
    ]

    at_once(
        partial(members.transfer_ownership, tenant=tenants[olivia.pk], user_id=heir.pk),
        partial(members.transfer_ownership, tenant=tenants[second.pk], user_id=heir.pk),
        *leaving,
    )

    assert len(owners_of(organization)) >= 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize(
    "statement",
    [DEMOTE, DELETE],
    ids=["demote", "delete"],
)
def test_raw_sql_on_two_connections_leaves_one_owner(organization, olivia, statement, isolation):
    MemberFactory.create(organization=organization, role=Role.OWNER)
    ids = OrganizationMember.objects.filter(organization=organization).values_list("pk", flat=True)
    written = Barrier(2)

    def take_away(member_id):
        with contextlib.closing(psycopg.connect(settings.DATABASE_URL)) as raw:
            raw.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
            raw.execute(statement, [member_id])
            # Both have written before either commits: neither has seen the other's change.
            written.wait(timeout=60)
            raw.commit()

    outcomes = at_once(*[partial(take_away, pk) for pk in ids])

    assert sum(outcome is None for outcome in outcomes) == 1
    refused = next(outcome for outcome in outcomes if outcome is not None)
    assert isinstance(refused, psycopg.errors.CheckViolation | psycopg.errors.SerializationFailure)
    assert len(owners_of(organization)) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.update(role=Role.ADMIN),
        lambda rows: rows.delete(),
        lambda rows: rows.update(organization=OrganizationFactory.create()),
    ],
    ids=["demoted", "deleted", "moved"],
)
def test_the_database_refuses_an_organization_without_an_owner(organization, olivia, change):
    rows = OrganizationMember.objects.filter(organization=organization)

    with pytest.raises(IntegrityError, match="has no owner"), transaction.atomic():
        change(rows)

    assert owners_of(organization) == [olivia.pk]


@pytest.mark.django_db(transaction=True)
def test_an_organization_cannot_begin_without_an_owner():
    with pytest.raises(IntegrityError, match="has no owner"), transaction.atomic():
        Organization.objects.create(name="Nobody's", slug="nobodys")

    assert not Organization.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_organization_that_goes_takes_its_owners_along(organization):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM billing_subscription")
        cursor.execute("DELETE FROM webhooks_webhookmessage")
        cursor.execute("DELETE FROM organizations_organizationmember")
        cursor.execute("DELETE FROM organizations_organization")

    assert not OrganizationMember.objects.exists()


@pytest.mark.django_db
def test_choosing_an_organization_does_not_raise_its_version(organization, olivia):
    before = Organization.objects.get().version

    OrganizationMember.objects.filter(user=olivia).update(selected_at="2026-01-01T00:00:00Z")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    assert Organization.objects.get().version == before
