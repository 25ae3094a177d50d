"""The role matrix, as a table, and everything that reads it."""

from itertools import pairwise

import pytest
from django.template import Context, Template

from audit.models import AuditLog
from config.common.errors import Forbidden
from organizations import access
from organizations.access import Tenant
from organizations.models import Organization, Role
from organizations.permissions import require_permissions, require_role
from organizations.roles import GRANTS, Permission, RoleName

ROLES = ("VIEWER", "MEMBER", "ADMIN", "OWNER")
MATRIX = {
    "organization:read": (True, True, True, True),
    "organization:write": (False, False, True, True),
    "organization:close": (False, False, False, True),
    "security:write": (False, False, True, True),
    "members:read": (True, True, True, True),
    "members:write": (False, False, True, True),
    "roles:write": (False, False, True, True),
    "owners:write": (False, False, False, True),
    "keys:read": (True, True, True, True),
    "keys:write": (False, True, True, True),
    "usage:read": (True, True, True, True),
    "webhooks:read": (True, True, True, True),
    "webhooks:write": (False, True, True, True),
    "billing:read": (False, False, True, True),
    "billing:write": (False, False, True, True),
    "audit:read": (False, False, True, True),
    "audit:acknowledge": (False, False, True, True),
}
CELLS = [
    (permission, role, allowed)
    for permission, row in MATRIX.items()
    for role, allowed in zip(ROLES, row, strict=True)
]


def tenant_in(role):
    return Tenant(organization=Organization(), user=None, role=role)


def test_the_table_covers_the_catalogue():
    assert set(MATRIX) == {permission.value for permission in Permission}
    assert set(ROLES) == set(Role.values) == {role.value for role in GRANTS}


@pytest.mark.parametrize(("permission", "role", "allowed"), CELLS)
def test_matrix(permission, role, allowed):
    assert (Permission(permission) in GRANTS[RoleName(role)]) is allowed


@pytest.mark.parametrize(("permission", "role", "allowed"), CELLS)
def test_a_tenant_reads_the_matrix(permission, role, allowed):
    tenant = tenant_in(role)

    if allowed:
        tenant.require(Permission(permission))
    else:
        with pytest.raises(Forbidden) as refused:
            tenant.require(Permission(permission))
        assert refused.value.extras == {"permission": permission}


def test_a_higher_role_grants_all_that_a_lower_one_does():
    for lower, higher in pairwise(ROLES):
        assert GRANTS[RoleName(lower)] < GRANTS[RoleName(higher)]


@pytest.mark.django_db
def test_every_permission_of_several_is_needed_and_a_refusal_is_noted(organization, mia):
    tenant = Tenant(organization, mia, Role.MEMBER)
    require_permissions(tenant, Permission.KEYS_READ, Permission.KEYS_WRITE)

    with pytest.raises(Forbidden, match="members:write"):
        require_permissions(tenant, Permission.KEYS_READ, Permission.MEMBERS_WRITE)
    noted = AuditLog.objects.filter(event="security.permission_denied")
    assert [entry.organization_id for entry in noted] == [organization.pk]


@pytest.mark.parametrize("held", ROLES)
@pytest.mark.parametrize("needed", ROLES)
def test_a_role_is_reached_by_itself_and_higher_ones(held, needed):
    tenant = tenant_in(held)

    if ROLES.index(held) >= ROLES.index(needed):
        require_role(tenant, Role(needed))
    else:
        with pytest.raises(Forbidden, match=needed.lower()):
            require_role(tenant, Role(needed))


def test_a_key_has_no_role_and_only_its_own_permissions():
    key = Tenant(Organization(), None, "", permissions=frozenset({Permission.KEYS_READ}))

    assert key.may(Permission.KEYS_READ)
    assert not key.may(Permission.USAGE_READ)
    with pytest.raises(Forbidden):
        require_role(key, Role.VIEWER)


@pytest.mark.django_db
@pytest.mark.parametrize(("permission", "role", "allowed"), CELLS)
def test_the_template_tag_reads_the_matrix(permission, role, allowed, organization, olivia, rf):
    request = rf.get("/")
    request.user = olivia
    request.tenant = Tenant(organization=organization, user=olivia, role=role)
    template = Template("{% load grants %}{% can '" + permission + "' as allowed %}{{ allowed }}")

    assert template.render(Context({"request": request})) == str(allowed)


@pytest.mark.django_db
def test_the_template_tag_refuses_a_permission_that_does_not_exist(olivia, rf):
    request = rf.get("/")
    request.user = olivia

    with pytest.raises(ValueError, match="keys:eat"):
        Template("{% load grants %}{% can 'keys:eat' %}").render(Context({"request": request}))


def test_staff_on_behalf_of_an_organization_may_what_an_owner_may():
    tenant = access.on_behalf_of(Organization())

    assert all(tenant.may(permission) for permission in Permission)
    assert tenant.user is None
