"""Invitations: one place for the invited address, whoever else has the link, and however often it is accepted."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import Notice, User
from accounts.services import registration
from audit.models import AuditLog
from config.common import crypto
from config.common.errors import NotFound
from organizations import access
from organizations.models import Organization, OrganizationInvitation, OrganizationMember, Role
from organizations.services import answers, invitations, members
from organizations.services.invitations import InvitationNotOpen
from organizations.tasks import expire_invitations
from tests import race
from tests.factories.accounts import PASSWORD, UserFactory
from tests.organizations.inviting import NORA, accept, invite, roles_of, states, tokens, url
from tests.race import at_once

pytestmark = pytest.mark.django_db


def test_an_invitation_is_mailed_and_its_link_is_stored_nowhere(api_as, organization, adam, told):
    client = api_as(adam)
    told()

    response = invite(client, organization, "  Nora@Example.com ")

    assert response.status_code == 201
    body = response.json()
    assert (body["email"], body["role"], body["status"]) == (NORA, "MEMBER", "PENDING")
    assert body["invited_by"]["id"] == adam.pk
    (token,) = tokens()
    row = OrganizationInvitation.objects.get()
    assert bytes(row.digest) == crypto.digest(token)
    assert row.expires_at - row.created_at > timedelta(days=6, hours=23)
    assert told() == ["invitation.created"]
    assert token not in str(AuditLog.objects.values_list())
    assert token.encode() not in response.content


def test_both_sides_are_told_in_the_portal(api_as, organization, adam, nora):
    invite(api_as(adam), organization)
    accept(api_as(nora), tokens()[0])

    told = Notice.objects.order_by("pk").values_list("user_id", "kind", "link")
    assert list(told) == [
        (nora.pk, "invitation.created", "/organizations/switch/"),
        (adam.pk, "invitation.accepted", "/team/"),
    ]


def test_a_suspended_organization_invites_nobody(api_as, organization, adam):
    Organization.objects.filter(pk=organization.pk).update(status="SUSPENDED")

    refused = invite(api_as(adam), organization)

    assert (refused.status_code, states(), tokens()) == (403, [], [])


def test_the_invited_person_becomes_a_member(api_as, organization, adam, nora, told):
    invite(api_as(adam), organization, role="VIEWER")
    client = api_as(nora)
    told()

    response = accept(client, tokens()[0])

    assert response.status_code == 200
    assert response.json() == {
        "organization": {"id": organization.pk, "name": organization.name},
        "role": "VIEWER",
        "custom_role": None,
    }
    assert roles_of(nora) == ["VIEWER"]
    assert (states(), told()) == (["ACCEPTED"], ["member.added", "invitation.accepted"])


def test_who_registers_after_being_invited_joins_and_is_verified(api_as, organization, adam):
    invite(api_as(adam), organization)
    registration.register(email=NORA, password=PASSWORD, full_name="Nora Newcomer")
    nora = User.objects.get(email=NORA)
    client = api_as(nora)

    listed = client.get("/api/v1/invitations").json()["data"]
    response = accept(client, tokens()[0])

    assert listed == []
    assert response.status_code == 200
    nora.refresh_from_db()
    assert nora.is_verified_email
    assert sorted(roles_of(nora)) == ["MEMBER", "OWNER"]


def test_the_second_acceptance_is_refused(api_as, organization, adam, nora):
    invite(api_as(adam), organization)
    client = api_as(nora)
    accept(client, tokens()[0])

    again = accept(client, tokens()[0])

    assert (again.status_code, again.json()["code"]) == (409, "invitation_not_open")
    assert "accepted already" in again.json()["detail"]
    assert roles_of(nora) == ["MEMBER"]


@pytest.mark.django_db(transaction=True)
def test_acceptances_at_once_make_one_membership(organization, olivia, nora):
    tenant = access.tenant_of(olivia)
    invitations.invite(tenant=tenant, email=NORA, role=Role.MEMBER, at=timezone.now())
    (token,) = tokens()
    act = partial(answers.accept_link, user=nora, token=token, at=timezone.now())

    outcomes = at_once(*[act] * 6)

    names = sorted(type(outcome).__name__ for outcome in outcomes)
    assert names == ["InvitationNotOpen"] * 5 + ["OrganizationMember"]
    assert roles_of(nora) == ["MEMBER"]


@pytest.mark.django_db(transaction=True)
def test_the_last_seat_is_taken_once(organization, olivia):
    people = [UserFactory.create() for _ in range(5)]
    tenant = access.tenant_of(olivia)
    made = [
        invitations.invite(tenant=tenant, email=one.email, role=Role.VIEWER, at=timezone.now())
        for one in people
    ]
    Organization.objects.filter(pk=organization.pk).update(seat_limit=2)

    outcomes = at_once(
        *[
            partial(answers.accept, user=one, invitation_id=invitation.pk, at=timezone.now())
            for one, invitation in zip(people, made, strict=True)
        ]
    )

    names = sorted(type(outcome).__name__ for outcome in outcomes)
    assert names == ["OrganizationMember"] + ["SeatLimitReached"] * 4
    assert organization.members.count() == 2
    assert sorted(states()) == ["ACCEPTED"] + ["PENDING"] * 4


@pytest.mark.django_db(transaction=True)
def test_accepting_and_revoking_at_once_has_one_winner(organization, olivia, nora):
    tenant = access.tenant_of(olivia)
    for _ in range(5):
        OrganizationMember.objects.filter(user=nora).delete()
        OrganizationInvitation.objects.all().delete()
        made = invitations.invite(tenant=tenant, email=NORA, role=Role.VIEWER, at=timezone.now())

        outcomes = at_once(
            partial(answers.accept, user=nora, invitation_id=made.pk, at=timezone.now()),
            partial(invitations.revoke, tenant=tenant, invitation_id=made.pk, at=timezone.now()),
        )

        refused = [one for one in outcomes if isinstance(one, InvitationNotOpen)]
        assert len(refused) == 1
        assert len(roles_of(nora)) == (1 if states() == ["ACCEPTED"] else 0)


def test_nobody_else_can_use_the_link(api_as, organization, adam, stan):
    invite(api_as(adam), organization)
    client = api_as(stan)

    answers_got = [
        client.post(f"/api/v1/invitations/{verb}", {"token": tokens()[0]})
        for verb in ("accept", "decline")
    ]

    assert [one.json()["code"] for one in answers_got] == ["invitation_for_another_address"] * 2
    assert [one.status_code for one in answers_got] == [403, 403]
    assert states() == ["PENDING"]


@pytest.mark.parametrize("token", ["x" * 43, "x", "a" * 100])
def test_a_link_that_is_not_ours_is_missing(api_as, nora, token):
    assert accept(api_as(nora), token).status_code == 404


def test_a_revoked_link_is_worthless(api_as, organization, adam, nora, told):
    client = api_as(adam)
    made = invite(client, organization).json()
    told()

    response = client.delete(url(organization, made["id"]))
    refused = accept(api_as(nora), tokens()[0])

    assert response.status_code == 204
    assert (refused.status_code, refused.json()["code"]) == (409, "invitation_not_open")
    assert "taken back" in refused.json()["detail"]
    assert (states(), roles_of(nora)) == (["REVOKED"], [])
    assert told()[0] == "invitation.revoked"


def test_an_old_link_is_worthless_before_and_after_the_sweep(
    api_as, organization, adam, nora, clock, told
):
    invite(api_as(adam), organization)
    clock.shift(timedelta(days=7))
    before = accept(api_as(nora), tokens()[0])
    told()

    expire_invitations()

    assert (states(), told()) == (["EXPIRED"], ["invitation.expired"])
    after = accept(api_as(nora), tokens()[0])
    assert [before.json()["code"], after.json()["code"]] == ["invitation_not_open"] * 2
    assert "older than seven days" in after.json()["detail"]
    assert roles_of(nora) == []


def test_the_sweep_passes_by_while_somebody_is_at_work_in_the_organization(
    transactional_db, organization, adam
):
    """Whoever invites, or deletes a role, closes and changes invitations, too: one after the other, and each once."""
    invitations.invite(
        tenant=access.tenant_of(adam, organization.pk),
        email=NORA,
        at=timezone.now(),
        role=Role.MEMBER,
    )
    then = timezone.now() + invitations.LIFETIME

    with transaction.atomic():
        access.lock_open(organization.pk)
        meanwhile = race.together(1, lambda _: invitations.expire_due(at=then))

    assert (meanwhile, states()) == ([0], ["PENDING"])
    assert (invitations.expire_due(at=then), states()) == (1, ["EXPIRED"])


def test_who_is_a_member_already_is_told_so(api_as, organization, adam, nora):
    client = api_as(adam)
    invite(client, organization)
    members.add_member(organization=organization, user=nora, role=Role.VIEWER)

    accepted = accept(api_as(nora), tokens()[0])
    again = client.post(url(organization), {"email": "mia@example.com", "role": "MEMBER"})
    invited = client.post(url(organization), {"email": "adam@example.com", "role": "MEMBER"})

    assert (accepted.status_code, accepted.json()["code"]) == (409, "already_member")
    assert (invited.status_code, invited.json()["code"]) == (409, "already_member")
    assert again.status_code == 201
    assert roles_of(nora) == ["VIEWER"]


def test_a_full_organization_lets_nobody_in(api_as, organization, adam, nora):
    invite(api_as(adam), organization)
    Organization.objects.filter(pk=organization.pk).update(seat_limit=2)

    refused = accept(api_as(nora), tokens()[0])

    assert (refused.status_code, refused.json()["code"]) == (409, "seat_limit_reached")
    assert (states(), roles_of(nora)) == (["PENDING"], [])


@pytest.mark.django_db(transaction=True)
def test_a_link_that_is_being_replaced_opens_nothing(organization, olivia, nora):
    owner, now = access.tenant_of(olivia, organization.pk), timezone.now()
    offered = invitations.invite(tenant=owner, email=NORA, role="VIEWER", at=now)
    (link,) = tokens()

    outcome = race.behind(
        lambda: invitations.resend(tenant=owner, invitation_id=offered.pk, at=now),
        lambda: answers.accept_link(user=nora, token=link, at=now),
    )

    assert isinstance(outcome, NotFound)
    assert states() == ["PENDING"]
    assert roles_of(nora) == []


def test_my_invitations_are_listed_and_answered_by_id(api_as, organization, adam, nora, stan):
    invite(api_as(adam), organization)
    client = api_as(nora)

    (listed,) = client.get("/api/v1/invitations").json()["data"]
    by_others = api_as(stan).post(f"/api/v1/invitations/{listed['id']}/accept")
    declined = client.post(f"/api/v1/invitations/{listed['id']}/decline")
    late = client.post(f"/api/v1/invitations/{listed['id']}/accept")

    assert listed["organization"] == {"id": organization.pk, "name": organization.name}
    assert (by_others.status_code, declined.status_code, late.status_code) == (404, 204, 409)
    assert (states(), roles_of(nora)) == (["DECLINED"], [])


def test_an_address_that_is_not_verified_shows_no_invitations(api_as, organization, adam, nora):
    invite(api_as(adam), organization)
    User.objects.filter(pk=nora.pk).update(email_verified_at=None)
    client = api_as(nora)
    pk = OrganizationInvitation.objects.get().pk

    assert client.get("/api/v1/invitations").json()["data"] == []
    assert client.post(f"/api/v1/invitations/{pk}/accept").status_code == 404
    assert states() == ["PENDING"]


def test_an_invitation_of_another_organization_is_missing(
    api_as, organization, foreign_organization, adam, stan
):
    made = invite(api_as(stan), foreign_organization).json()
    client = api_as(adam)

    got = [
        client.delete(url(organization, made["id"])).status_code,
        client.post(url(organization, made["id"], "resend")).status_code,
        client.delete(url(organization, 8_000_000_000)).status_code,
    ]

    assert got == [404, 404, 404]
    assert states() == ["PENDING"]


def test_refuses_letters_that_only_the_database_knows(api_as, olivia, organization):
    refused = invite(api_as(olivia), organization, email="nora@e\u1c89ample.com")

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "unknown_character")
    assert not OrganizationInvitation.objects.exists()
