"""Commands of operators: invite, hand over, close. What the domain refuses is one sentence."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditLog
from organizations.models import Organization, OrganizationInvitation, OrganizationMember

pytestmark = pytest.mark.django_db


def run(command, *arguments, **options):
    out = StringIO()
    call_command(command, *map(str, arguments), stdout=out, **options)
    return out.getvalue()


def test_invites(organization):
    said = run("invite_member", organization.pk, "Nora@example.com", role="VIEWER")

    assert said == "nora@example.com is invited to Olivia's organization as VIEWER.\n"
    invitation = OrganizationInvitation.objects.get()
    assert (invitation.role, invitation.invited_by) == ("VIEWER", None)
    entry = AuditLog.objects.get(event="invitation.created")
    assert (entry.actor_type, entry.actor_label) == ("command", "invite_member")


@pytest.mark.parametrize("email", ["nobody", "olivia@example.com"])
def test_says_why_it_invites_nobody(organization, olivia, email):
    with pytest.raises(CommandError, match=r"not an e-mail address|belongs to the organization"):
        run("invite_member", organization.pk, email)

    assert not OrganizationInvitation.objects.exists()


def test_makes_a_member_the_owner(organization, adam):
    run("transfer_organization", organization.slug, adam.email)

    assert OrganizationMember.objects.get(user=adam).role == "OWNER"


def test_hands_nothing_to_a_stranger(organization, stan):
    with pytest.raises(CommandError):
        run("transfer_organization", organization.slug, stan.email)

    assert not organization.members.filter(user=stan).exists()


def test_closes_with_the_name_as_confirmation(organization):
    with pytest.raises(CommandError, match="not the name"):
        run("close_organization", organization.pk, name="Acme", reason="asked by letter")
    assert Organization.objects.get(pk=organization.pk).status == "ACTIVE"

    run("close_organization", organization.pk, name=organization.name, reason="asked by letter")

    assert Organization.objects.get(pk=organization.pk).status == "CLOSED"
    assert AuditLog.objects.get(event="organization.closed").actor_label == "close_organization"
