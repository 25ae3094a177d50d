"""What was allowed a moment ago: each act waits for the one before it and is judged by what that left."""

from functools import partial

import pytest
from django.utils import timezone

from apikeys.models import ApiKey
from apikeys.services import keys
from config.common.errors import Forbidden, InvalidInput, NotFound
from config.common.models import OutgoingMail
from organizations import access
from organizations.models import ObjectGrant, OrganizationInvitation, OrganizationMember
from organizations.services import (
    answers,
    custom_roles,
    grants,
    invitations,
    members,
    security_policy,
)
from organizations.services.invitations import InvitationNotOpen
from tests import race
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def act(person, organization):
    """Return what the person may do as their request begins."""
    return access.tenant_of(person, organization.pk)


def role_of(person):
    return OrganizationMember.objects.filter(user=person).values_list("role", flat=True).first()


def test_whoever_is_being_removed_inherits_nothing(organization, olivia, adam):
    owner = act(olivia, organization)

    outcome = race.behind(
        lambda: members.remove_member(tenant=owner, user_id=adam.pk),
        lambda: members.transfer_ownership(tenant=owner, user_id=adam.pk),
    )

    assert isinstance(outcome, NotFound)
    assert (role_of(olivia), role_of(adam)) == ("OWNER", None)


def test_whoever_has_just_become_an_owner_is_removed_by_no_admin(organization, olivia, adam, mia):
    owner, admin = act(olivia, organization), act(adam, organization)

    outcome = race.behind(
        lambda: members.transfer_ownership(tenant=owner, user_id=mia.pk),
        lambda: members.remove_member(tenant=admin, user_id=mia.pk),
    )

    assert isinstance(outcome, Forbidden)
    assert (role_of(olivia), role_of(mia)) == ("ADMIN", "OWNER")


def test_whoever_has_just_handed_over_is_no_owner_any_more(organization, olivia, adam, mia):
    owner = act(olivia, organization)

    outcome = race.behind(
        lambda: members.transfer_ownership(tenant=owner, user_id=adam.pk),
        lambda: members.transfer_ownership(tenant=owner, user_id=mia.pk),
    )

    assert isinstance(outcome, Forbidden)
    assert [role_of(one) for one in (olivia, adam, mia)] == ["ADMIN", "OWNER", "MEMBER"]


def test_whoever_is_being_demoted_invites_nobody(organization, olivia, adam):
    owner, admin = act(olivia, organization), act(adam, organization)

    outcome = race.behind(
        lambda: members.change_role(tenant=owner, user_id=adam.pk, role="VIEWER"),
        lambda: invitations.invite(
            tenant=admin, email="nora@example.com", role="VIEWER", at=timezone.now()
        ),
    )

    assert isinstance(outcome, Forbidden)
    assert not OrganizationInvitation.objects.exists()
    assert not OutgoingMail.objects.filter(kind="organizations/invitation").exists()


def test_a_role_that_has_just_grown_is_given_by_nobody_who_has_less(
    organization, olivia, adam, vera
):
    owner, admin = act(olivia, organization), act(adam, organization)
    role = custom_roles.create_role(tenant=owner, name="Helper", permissions=["keys:read"])

    outcome = race.behind(
        lambda: custom_roles.update_role(
            tenant=owner, role_id=role.pk, permissions=["organization:close"]
        ),
        lambda: members.change_role(tenant=admin, user_id=vera.pk, custom_role_id=role.pk),
    )

    assert isinstance(outcome, Forbidden)
    assert OrganizationMember.objects.get(user=vera).custom_role is None


def test_whoever_is_leaving_is_given_nothing(organization, olivia, vera):
    owner = act(olivia, organization)
    give = partial(
        grants.give,
        tenant=owner,
        user_id=vera.pk,
        permission="members:read",
        kind="organization",
        object_id=organization.pk,
    )
    leave = partial(members.leave, user=vera, organization_id=organization.pk)

    given_late = race.behind(leave, give)
    members.add_member(organization=organization, user=vera, role="VIEWER")
    left_late = race.behind(give, leave)

    assert isinstance(given_late, NotFound)
    assert left_late == organization
    assert not ObjectGrant.objects.exists()


@pytest.mark.parametrize("what", ["revoked", "sender_removed"])
def test_an_offer_that_is_being_taken_back_makes_no_member(organization, olivia, adam, what):
    nora = UserFactory.create(email="nora@example.com", email_verified_at=timezone.now())
    owner, now = act(olivia, organization), timezone.now()
    offered = invitations.invite(
        tenant=act(adam, organization), email=nora.email, role="VIEWER", at=now
    )
    first = {
        "revoked": lambda: invitations.revoke(tenant=owner, invitation_id=offered.pk, at=now),
        "sender_removed": lambda: members.remove_member(tenant=owner, user_id=adam.pk),
    }[what]

    outcome = race.behind(
        first, lambda: answers.accept(user=nora, invitation_id=offered.pk, at=now)
    )

    assert isinstance(outcome, InvitationNotOpen)
    assert role_of(nora) is None


def test_a_key_is_held_to_the_policy_that_was_being_made(organization, olivia):
    owner, now = act(olivia, organization), timezone.now()
    create = partial(keys.create_key, organization=organization, created_by=olivia, at=now)

    refused = race.behind(
        lambda: security_policy.change_policy(
            tenant=owner, changes={"allowed_scopes": ["orders:*"], "max_key_age_days": 30}
        ),
        lambda: create(settings={"name": "Late", "environment": "live", "scopes": ["users:read"]}),
    )
    assert isinstance(refused, InvalidInput)
    assert not ApiKey.objects.exists()

    key, _ = race.behind(
        lambda: security_policy.change_policy(tenant=owner, changes={"max_key_age_days": 7}),
        lambda: create(settings={"name": "Late", "environment": "live", "scopes": ["orders:read"]}),
    )
    assert (key.expires_at - now).days == 7
