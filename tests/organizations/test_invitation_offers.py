"""Who may invite whom to what, how often anybody is written to, and how long an offer is worth something."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Notice, User
from accounts.services import suspension
from organizations import access
from organizations.models import OrganizationInvitation, Role
from organizations.services import invitations, members
from tests.factories.accounts import UserFactory
from tests.organizations.inviting import accept, invite, roles_of, states, tokens, url
from tests.queries import shapes

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("is_verified", [True, False], ids=["verified", "unverified"])
def test_an_address_with_an_account_costs_what_one_without_does(
    organization, adam, is_verified, django_capture_on_commit_callbacks
):
    known = UserFactory.create(**({} if is_verified else {"email_verified_at": None})).email
    tenant = access.tenant_of(adam, organization.pk)

    def cost(email):
        with (
            CaptureQueriesContext(connection) as queries,
            django_capture_on_commit_callbacks() as callbacks,
        ):
            invitations.invite(tenant=tenant, email=email, at=timezone.now(), role=Role.MEMBER)
        return shapes(queries), len(callbacks)

    cost("first@example.com")  # what is only asked the first time

    assert cost(known) == cost("nobody@elsewhere.example")
    assert Notice.objects.filter(kind="invitation.created").count() == is_verified


def test_one_invitation_waits_per_address(api_as, organization, adam):
    client = api_as(adam)
    invite(client, organization)

    again = invite(client, organization)

    assert (again.status_code, again.json()["code"]) == (409, "already_invited")
    row = OrganizationInvitation.objects.get()
    row.pk, row.digest = None, b"x"
    with pytest.raises(IntegrityError, match="invitation_pending_unique"), transaction.atomic():
        row.save(force_insert=True)


def test_sending_again_replaces_the_link_and_stops_after_three_a_day(
    api_as, organization, adam, nora, clock
):
    client = api_as(adam)
    made = invite(client, organization).json()

    got = [client.post(url(organization, made["id"], "resend")).status_code for _ in range(4)]

    assert got == [200, 200, 200, 429]
    assert len(tokens()) == 4
    refused = client.post(url(organization, made["id"], "resend"))
    assert refused.json()["code"] == "too_many_invitation_mails"
    assert 0 < int(refused.headers["Retry-After"]) <= 86_401
    nora_client = api_as(nora)
    assert [accept(nora_client, token).status_code for token in tokens()] == [404, 404, 404, 200]


def test_what_does_not_wait_any_more_is_not_sent_again(api_as, organization, adam, nora):
    client = api_as(adam)
    invite(client, organization)
    accept(api_as(nora), tokens()[0])
    accepted = OrganizationInvitation.objects.values().get()

    refused = client.post(url(organization, accepted["id"], "resend"))

    assert (refused.status_code, refused.json()["code"]) == (409, "invitation_not_open")
    assert OrganizationInvitation.objects.values().get() == accepted
    assert len(tokens()) == 1


def test_revoking_and_inviting_anew_does_not_get_around_the_pace(api_as, organization, adam, clock):
    client = api_as(adam)
    for _ in range(4):
        made = invite(client, organization)
        assert made.status_code == 201
        client.delete(url(organization, made.json()["id"]))

    assert invite(client, organization).status_code == 429
    assert len(tokens()) == 4
    clock.shift(timedelta(days=1, seconds=1))
    assert invite(api_as(adam), organization).status_code == 201


OFFERS = [
    ("olivia", "OWNER", 201),
    ("olivia", "ADMIN", 201),
    ("adam", "ADMIN", 201),
    ("adam", "OWNER", 403),
    ("mia", "VIEWER", 403),
    ("vera", "VIEWER", 403),
    ("stan", "VIEWER", 404),
]


def test_an_organization_is_no_way_to_write_to_everybody(
    api_as, organization, foreign_organization, adam, stan, monkeypatch
):
    monkeypatch.setattr(invitations, "MAILS_OF_ORGANIZATION", 2)
    client = api_as(adam)
    for name in ("one", "two"):
        made = invite(client, organization, email=f"{name}@example.com").json()
        client.delete(url(organization, made["id"]))

    refused = invite(client, organization, email="three@example.com")

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_invitation_mails")
    assert 86_300 <= int(refused["Retry-After"]) <= 86_401
    assert tokens("three@example.com") == []
    assert not OrganizationInvitation.objects.filter(email="three@example.com").exists()
    assert invite(api_as(stan), foreign_organization).status_code == 201


@pytest.mark.parametrize(("who", "role", "status"), OFFERS)
def test_who_may_offer_what(request, api_as, organization, who, role, status):
    response = invite(api_as(request.getfixturevalue(who)), organization, role=role)

    assert response.status_code == status
    assert states() == (["PENDING"] if status == 201 else [])
    assert len(tokens()) == (1 if status == 201 else 0)


def test_who_has_not_verified_their_own_address_invites_nobody(api_as, organization, adam):
    User.objects.filter(pk=adam.pk).update(email_verified_at=None)

    response = invite(api_as(adam), organization)

    assert (response.status_code, states()) == (403, [])


@pytest.mark.parametrize("change", ["removed", "demoted", "suspended"])
def test_an_invitation_is_as_good_as_the_right_of_who_sent_it(
    api_as, organization, olivia, adam, nora, change
):
    invite(api_as(adam), organization)
    tenant = access.tenant_of(olivia)
    if change == "removed":
        members.remove_member(tenant=tenant, user_id=adam.pk)
    elif change == "demoted":
        members.change_role(tenant=tenant, user_id=adam.pk, role=Role.MEMBER)
    else:
        suspension.suspend(user=adam, reason="Asked for by letter")

    refused = accept(api_as(nora), tokens()[0])

    assert (refused.status_code, refused.json()["code"]) == (409, "invitation_not_open")
    assert roles_of(nora) == []
    invitations.resend(
        tenant=tenant, invitation_id=OrganizationInvitation.objects.get().pk, at=timezone.now()
    )
    assert accept(api_as(nora), tokens()[-1]).status_code == 200


def test_who_is_an_owner_no_more_makes_no_owner_by_an_earlier_invitation(
    api_as, organization, olivia, adam, nora
):
    members.change_role(tenant=access.tenant_of(olivia), user_id=adam.pk, role=Role.OWNER)
    invite(api_as(adam), organization, role="OWNER")
    members.change_role(tenant=access.tenant_of(olivia), user_id=adam.pk, role=Role.ADMIN)

    refused = accept(api_as(nora), tokens()[0])

    assert (refused.status_code, refused.json()["code"]) == (409, "invitation_not_open")
    assert (roles_of(nora), states()) == ([], ["PENDING"])


def test_what_has_expired_is_in_nobodys_way_though_it_was_not_swept(
    api_as, organization, adam, monkeypatch
):
    monkeypatch.setattr(invitations, "MAX_PENDING", 1)
    client = api_as(adam)
    invite(client, organization)
    OrganizationInvitation.objects.update(expires_at=timezone.now())

    assert invite(client, organization).status_code == 201

    assert states() == ["EXPIRED", "PENDING"]


def test_at_most_a_hundred_wait(api_as, organization, adam, monkeypatch):
    monkeypatch.setattr(invitations, "MAX_PENDING", 1)
    client = api_as(adam)
    invite(client, organization)

    refused = invite(client, organization, "another@example.com")

    assert (refused.status_code, refused.json()["code"]) == (409, "invitation_limit_reached")
