"""At least one owner, always: for any sequence of steps that anybody takes."""

import pytest
from django.db import connection, transaction
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
from organizations.services.members import LastOwner
from tests.factories.accounts import UserFactory
from tests.factories.organizations import OrganizationFactory


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
