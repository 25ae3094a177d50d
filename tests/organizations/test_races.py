"""What was allowed a moment ago: each act waits for the one before it and is judged by what that left."""

from functools import partial

import pytest
from django.db import DatabaseError
from django.utils import timezone

from accounts import selectors
from accounts.models import User
from accounts.services import deletions, sessions, suspension
from apikeys.models import ApiKey, Secret
from apikeys.services import keys
from config.common.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from config.common.models import OutgoingMail
from organizations import access
from organizations.models import (
    ObjectGrant,
    Organization,
    OrganizationInvitation,
    OrganizationMember,
)
from organizations.services import (
    answers,
    custom_roles,
    grants,
    invitations,
    members,
    organizations,
    security_policy,
)
from organizations.services.invitations import InvitationNotOpen
from organizations.services.members import OwnerMustBeActive
from tests import race
from tests.factories.accounts import UserFactory
from tests.factories.apikeys import ApiKeyFactory
from tests.factories.organizations import MemberFactory
from tests.factories.webhooks import WebhookFactory
from tests.race import at_once
from webhooks.models import (
    ConformanceRun,
    FeedPosition,
    Webhook,
    WebhookDelivery,
    WebhookMessage,
    WebhookSecret,
)
from webhooks.services import conformance, endpoints, feeds, resending, testing

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


def remove_adam(organization, olivia, adam):
    members.remove_member(tenant=act(olivia, organization), user_id=adam.pk)


def demote_adam(organization, olivia, adam):
    members.change_role(tenant=act(olivia, organization), user_id=adam.pk, role="VIEWER")


def suspend_adam(organization, olivia, adam):
    suspension.suspend(user=adam, reason="misuse")


def reset_password_of_adam(organization, olivia, adam):
    owner = User.objects.select_for_update(no_key=True).get(pk=adam.pk)
    sessions.end_all(user=owner, reason="password_reset")


def signed_in(person):
    """Return the person as a request that comes by a session of theirs knows them."""
    claims = sessions.claims_of(sessions.start_portal(user=person, at=timezone.now()))
    return selectors.live_session(claims, at=timezone.now()).user


def end_session_of_adam(organization, olivia, adam):
    assert sessions.end(user=adam, session_id=adam.session_id)


SHUT_OUT = {
    "removed": (remove_adam, NotFound),
    "demoted": (demote_adam, Forbidden),
    "suspended": (suspend_adam, Unauthenticated),
    "signed_out": (reset_password_of_adam, Unauthenticated),
    "session_ended": (end_session_of_adam, Unauthenticated),
}


def left_alone(organization):
    """Return all that a request of Adam's might have changed."""
    return [
        list(rows.order_by("pk").values())
        for rows in (
            Organization.objects.filter(pk=organization.pk),
            ApiKey.objects.all(),
            Secret.objects.all(),
            Webhook.objects.all(),
            WebhookSecret.objects.all(),
            WebhookDelivery.objects.all(),
            WebhookMessage.objects.filter(is_test=True),
            ConformanceRun.objects.all(),
            FeedPosition.objects.all(),
            OrganizationInvitation.objects.all(),
        )
    ]


def acts_of_adam(organization, adam, key, on, off):
    """Return everything that lasts, as Adam's request begins it."""
    now, tenant = timezone.now(), act(adam, organization)
    return [
        lambda: keys.create_key(
            organization=organization,
            created_by=adam,
            settings={"name": "Late", "environment": "live", "scopes": []},
            at=now,
        ),
        lambda: keys.rotate_key(key=key, overlap_seconds=0, at=now, by=adam),
        lambda: keys.update_key(key=key, settings={"name": "Late"}, at=now, by=adam),
        lambda: keys.revoke_key(key=key, at=now, by=adam),
        lambda: endpoints.create_webhook(
            organization=organization, created_by=adam, settings={"url": on.url}
        ),
        lambda: endpoints.rotate_secret(webhook=on, at=now, by=adam),
        lambda: endpoints.update_webhook(webhook=on, settings={"description": "Late"}, by=adam),
        lambda: endpoints.disable_webhook(webhook=on, at=now, by=adam),
        lambda: endpoints.enable_webhook(webhook=off, by=adam),
        lambda: endpoints.delete_webhook(webhook=on, by=adam),
        lambda: resending.resend(delivery=on.deliveries.get(), at=now, by=adam),
        lambda: resending.recover(webhook=on, since=now, at=now, by=adam),
        lambda: resending.replay_missing(webhook=on, since=now, at=now, by=adam),
        lambda: testing.send_test(webhook=on, at=now, by=adam),
        lambda: conformance.request_run(webhook=on, requested_by=adam, at=now),
        lambda: feeds.acknowledge(
            organization=organization, consumer="default", position=0, at=now, by=adam
        ),
        lambda: organizations.update_organization(
            organization=organization, changes={"name": "Late"}, by=adam
        ),
        lambda: invitations.invite(tenant=tenant, email="nora@example.com", role="VIEWER", at=now),
    ]


@pytest.mark.parametrize("how", SHUT_OUT)
def test_what_was_begun_by_whom_is_being_shut_out_is_not_done(organization, olivia, adam, how):
    shut_out, refusal = SHUT_OUT[how]
    adam = signed_in(adam)
    key = ApiKeyFactory.create(organization=organization)
    on, off = (WebhookFactory.create(organization=organization) for _ in range(2))
    endpoints.disable_webhook(webhook=off, at=timezone.now())
    testing.send_test(webhook=on, at=timezone.now())
    acts = acts_of_adam(organization, adam, key, on, off)
    before = left_alone(organization)

    outcomes = race.all_behind(lambda: shut_out(organization, olivia, adam), acts)

    assert [type(one) for one in outcomes] == [refusal] * len(acts)
    assert left_alone(organization) == before


def test_another_session_that_is_being_ended_stops_nothing(organization, adam):
    here, elsewhere = signed_in(adam), signed_in(adam)
    key = ApiKeyFactory.create(organization=organization)

    sessions.end(user=adam, session_id=elsewhere.session_id)
    keys.update_key(key=key, settings={"name": "Kept"}, at=timezone.now(), by=here)

    key.refresh_from_db()
    assert key.name == "Kept"


def test_who_has_a_row_only_by_a_grant_keeps_it_until_the_grant_goes(organization, olivia, vera):
    key = ApiKeyFactory.create(organization=organization)
    owner, now = act(olivia, organization), timezone.now()
    grant, _ = grants.give(
        tenant=owner, user_id=vera.pk, permission="keys:write", kind="api_key", object_id=key.pk
    )
    rotate = partial(keys.rotate_key, key=key, overlap_seconds=0, at=now, by=vera)

    _, secret = rotate()
    refused = race.behind(lambda: grants.take(tenant=owner, grant_id=grant.pk), rotate)

    assert isinstance(refused, Forbidden)
    assert Secret.objects.filter(api_key=key, expires_at=None).get().last4 == secret[-4:]


@pytest.mark.parametrize("how", ["transfer", "change_role", "add_member"])
def test_whoever_is_being_suspended_inherits_nothing(organization, olivia, adam, how):
    nora, owner = UserFactory.create(), act(olivia, organization)
    heir = nora if how == "add_member" else adam
    hand_over = {
        "transfer": lambda: members.transfer_ownership(tenant=owner, user_id=adam.pk),
        "change_role": lambda: members.change_role(tenant=owner, user_id=adam.pk, role="OWNER"),
        "add_member": lambda: members.add_member(
            organization=organization, user=nora, role="OWNER"
        ),
    }[how]
    before = role_of(heir)

    outcome = race.behind(lambda: suspension.suspend(user=heir, reason="misuse"), hand_over)

    assert isinstance(outcome, OwnerMustBeActive)
    assert (role_of(olivia), role_of(heir)) == ("OWNER", before)


def test_whoever_is_being_suspended_joins_nothing(organization, olivia):
    nora = UserFactory.create(email="nora@example.com", email_verified_at=timezone.now())
    now = timezone.now()
    offered = invitations.invite(
        tenant=act(olivia, organization), email=nora.email, role="OWNER", at=now
    )

    outcome = race.behind(
        lambda: suspension.suspend(user=nora, reason="misuse"),
        lambda: answers.accept(user=nora, invitation_id=offered.pk, at=now),
    )

    assert isinstance(outcome, Unauthenticated)
    assert role_of(nora) is None


def test_people_who_hand_over_to_each_other_and_are_erased_wait_in_no_circle(
    organization, olivia, adam
):
    second = MemberFactory.create(organization=organization, role="OWNER").user
    now = timezone.now()
    tenants = {one.pk: act(one, organization) for one in (olivia, second)}

    outcomes = at_once(
        lambda: members.transfer_ownership(tenant=tenants[olivia.pk], user_id=second.pk),
        lambda: members.transfer_ownership(tenant=tenants[second.pk], user_id=olivia.pk),
        lambda: members.transfer_ownership(tenant=tenants[second.pk], user_id=adam.pk),
        lambda: deletions.erase(user_id=adam.pk, at=now),
        lambda: deletions.erase(user_id=second.pk, at=now),
        lambda: keys.create_key(
            organization=organization,
            created_by=adam,
            settings={"name": "Late", "environment": "live", "scopes": []},
            at=now,
        ),
    )

    assert not [one for one in outcomes if isinstance(one, DatabaseError)]
    assert OrganizationMember.objects.filter(organization=organization, role="OWNER").exists()
