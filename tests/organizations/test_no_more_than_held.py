"""Nobody hands on, takes back or gives away what they do not hold themselves, whichever way round they try."""

import pytest
from django.utils import timezone

from config.common.errors import Forbidden
from organizations import access
from organizations.models import ObjectGrant, OrganizationMember, Role
from organizations.services import custom_roles, grants, invitations, members

pytestmark = pytest.mark.django_db


def role_of(user):
    member = OrganizationMember.objects.get(user=user)
    return (member.role, member.custom_role_id)


def holds(person, owner, *permissions):
    """Give somebody a custom role of these permissions alone, and return what they may do now."""
    tenant = access.tenant_of(owner)
    role = custom_roles.create_role(tenant=tenant, name="Special", permissions=permissions)
    members.change_role(tenant=tenant, user_id=person.pk, custom_role_id=role.pk)
    return access.tenant_of(person)


def test_a_permission_is_taken_by_who_has_it(organization, olivia, adam, vera):
    grant, _ = grants.give(
        tenant=access.tenant_of(olivia),
        user_id=vera.pk,
        permission="organization:close",
        kind="organization",
        object_id=organization.pk,
    )

    with pytest.raises(Forbidden, match="organization:close"):
        grants.take(tenant=access.tenant_of(adam), grant_id=grant.pk)

    assert ObjectGrant.objects.get() == grant


@pytest.mark.parametrize("act", [invitations.resend, invitations.revoke])
def test_a_place_is_sent_again_and_taken_back_by_who_may_offer_it(organization, olivia, adam, act):
    offered = invitations.invite(
        tenant=access.tenant_of(olivia),
        email="nora@example.com",
        role=Role.OWNER,
        at=timezone.now(),
    )
    before = (offered.status, bytes(offered.digest))

    with pytest.raises(Forbidden):
        act(tenant=access.tenant_of(adam), invitation_id=offered.pk, at=timezone.now())

    offered.refresh_from_db()
    assert (offered.status, bytes(offered.digest)) == before


def test_an_organization_is_handed_over_by_who_has_all_of_it(olivia, adam, mia):
    tenant = holds(adam, olivia, "owners:write", "members:write")
    before = role_of(adam)

    with pytest.raises(Forbidden):
        members.transfer_ownership(tenant=tenant, user_id=mia.pk)

    assert (role_of(adam), role_of(mia)) == (before, ("MEMBER", None))


@pytest.mark.parametrize(
    ("held", "replacement"),
    [(["roles:write"], "VIEWER"), (["roles:write", "members:write"], "ADMIN")],
    ids=["who may not give roles", "who has less"],
)
def test_a_role_is_replaced_by_what_who_deletes_it_may_give(olivia, adam, vera, held, replacement):
    owner = access.tenant_of(olivia)
    plain = custom_roles.create_role(tenant=owner, name="Plain", permissions=[])
    members.change_role(tenant=owner, user_id=vera.pk, custom_role_id=plain.pk)
    tenant = holds(adam, olivia, *held)

    with pytest.raises(Forbidden):
        custom_roles.delete_role(tenant=tenant, role_id=plain.pk, replacement=replacement)

    assert role_of(vera) == ("VIEWER", plain.pk)
