"""At least one owner, always: by the services, by raw SQL, under races, and for any sequence of steps."""

import contextlib
from functools import partial
from threading import Barrier

import psycopg
import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from accounts.models import User
from accounts.services import suspension
from config.common.errors import DomainError, Forbidden, NotFound
from organizations import access
from organizations.models import Organization, OrganizationMember, Role
from organizations.services import (
    answers,
    closing,
    custom_roles,
    departures,
    invitations,
    members,
)
from organizations.services.departures import SoleOwner
from organizations.services.members import LastOwner, OwnerMustBeActive
from tests.factories.accounts import UserFactory
from tests.factories.organizations import MemberFactory, OrganizationFactory
from tests.simultaneous import at_once

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


class Ownership(RuleBasedStateMachine):
    """Anybody tries anything on anybody; whatever happens, there is an owner, and the rules of the roles held."""

    @initialize()
    def found(self):
        self.scope = transaction.atomic()
        self.scope.__enter__()
        self.people = [UserFactory.create() for _ in range(5)]
        self.organization = OrganizationFactory.create(owner=self.people[0])
        Organization.objects.filter(pk=self.organization.pk).update(seat_limit=None)

    def teardown(self):
        transaction.set_rollback(True)
        self.scope.__exit__(None, None, None)

    def roles(self):
        return dict(
            OrganizationMember.objects.filter(organization=self.organization).values_list(
                "user_id", "role"
            )
        )

    def attempt(self, act):
        try:
            with transaction.atomic():
                act()
                with connection.cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                    cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        except DomainError as error:
            return error
        return None

    @rule(who=st.integers(1, 4), role=st.sampled_from(Role.values))
    def add(self, who, role):
        self.attempt(
            lambda: members.add_member(
                organization=self.organization, user=self.people[who], role=role
            )
        )

    @rule(actor=st.integers(0, 4), whom=st.integers(0, 4), role=st.sampled_from(Role.values))
    def change(self, actor, whom, role):
        before = self.roles()
        actor, target = self.people[actor], self.people[whom]

        refused = self.attempt(
            lambda: members.change_role(
                tenant=access.tenant_of(actor, self.organization.pk), user_id=target.pk, role=role
            )
        )

        self.expect_untouched_if(refused, before)
        if refused is None and before[target.pk] != role:
            assert before[actor.pk] in {Role.OWNER, Role.ADMIN}
            if Role.OWNER in {before[target.pk], role}:
                assert before[actor.pk] == Role.OWNER

    @rule(actor=st.integers(0, 4), whom=st.integers(0, 4))
    def remove(self, actor, whom):
        before = self.roles()
        actor, target = self.people[actor], self.people[whom]

        refused = self.attempt(
            lambda: members.remove_member(
                tenant=access.tenant_of(actor, self.organization.pk), user_id=target.pk
            )
        )

        self.expect_untouched_if(refused, before)
        if refused is None and actor != target:
            assert before[actor.pk] in {Role.OWNER, Role.ADMIN}
            assert before[target.pk] != Role.OWNER or before[actor.pk] == Role.OWNER

    @rule(actor=st.integers(0, 4), whom=st.integers(0, 4))
    def hand_over(self, actor, whom):
        before = self.roles()
        actor, target = self.people[actor], self.people[whom]

        refused = self.attempt(
            lambda: members.transfer_ownership(
                tenant=access.tenant_of(actor, self.organization.pk), user_id=target.pk
            )
        )

        self.expect_untouched_if(refused, before)
        if refused is None:
            assert before[actor.pk] == Role.OWNER
            assert self.roles() == before | {actor.pk: Role.ADMIN, target.pk: Role.OWNER}

    @rule(actor=st.integers(0, 4), whom=st.integers(0, 4), role=st.sampled_from(Role.values))
    def invite_and_accept(self, actor, whom, role):
        before = self.roles()
        actor, target = self.people[actor], self.people[whom]

        def act():
            made = invitations.invite(
                tenant=access.tenant_of(actor, self.organization.pk),
                email=target.email,
                role=role,
                at=timezone.now(),
            )
            answers.accept(user=target, invitation_id=made.pk, at=timezone.now())

        refused = self.attempt(act)

        if refused is None:
            assert before[actor.pk] in {Role.OWNER, Role.ADMIN}
            assert role != Role.OWNER or before[actor.pk] == Role.OWNER
            assert self.roles() == before | {target.pk: role}
        else:
            assert self.roles() == before

    @rule(actor=st.integers(0, 4), whom=st.integers(0, 4))
    def give_custom_role(self, actor, whom):
        before = self.roles()
        actor, target = self.people[actor], self.people[whom]

        def act():
            tenant = access.tenant_of(actor, self.organization.pk)
            role = self.organization.custom_roles.first() or custom_roles.create_role(
                tenant=tenant, name="Recruiter", permissions=["members:write", "members:read"]
            )
            members.change_role(tenant=tenant, user_id=target.pk, custom_role_id=role.pk)

        refused = self.attempt(act)

        if refused is None:
            assert self.roles() == before | {target.pk: Role.VIEWER}
        else:
            assert self.roles() == before

    @rule(who=st.integers(0, 4))
    def leave_all(self, who):
        """Somebody's account is erased; where they are the only owner among others, it is not."""
        before, user = self.roles(), self.people[who]
        others = {pk: role for pk, role in before.items() if pk != user.pk}
        if not others:
            return

        refused = self.attempt(
            lambda: departures.leave_all(user_id=user.pk, email=user.email, at=timezone.now())
        )

        if refused is None:
            assert self.roles() == others
        else:
            assert refused.code == "sole_owner"
            assert self.roles() == before

    @rule(actor=st.integers(0, 4))
    def close(self, actor):
        """Who may close it does, to see that its owners stay on record; then it is opened again for the other steps."""
        before, user = self.roles(), self.people[actor]

        refused = self.attempt(
            lambda: closing.close(
                tenant=access.tenant_of(user, self.organization.pk),
                confirmation=self.organization.name,
                at=timezone.now(),
            )
        )

        assert self.roles() == before
        assert (refused is None) == (before.get(user.pk) == Role.OWNER)
        Organization.objects.filter(pk=self.organization.pk).update(status="ACTIVE", closed_at=None)

    def expect_untouched_if(self, refused, before):
        if refused is not None:
            assert (
                isinstance(refused, LastOwner | Forbidden | NotFound) or refused.code == "conflict"
            )
            assert self.roles() == before

    @invariant()
    def has_an_owner(self):
        if hasattr(self, "organization"):
            assert Role.OWNER in self.roles().values()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "examples", [6, pytest.param(100, marks=pytest.mark.trial)], ids=["short", "long"]
)
def test_any_sequence_of_steps_leaves_an_owner(examples):
    assert not User.objects.exists()

    run_state_machine_as_test(
        Ownership,
        settings=effort(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

    assert not User.objects.exists()
