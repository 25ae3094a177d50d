"""What the database itself holds about people, and what the roles may do."""

import pytest
from django.db import IntegrityError, transaction

from accounts.models import PlatformRole, User, UserStatus
from accounts.roles import GRANTS, PlatformPermission, may, may_enter_app, may_in_back_office
from tests.factories.accounts import UserFactory


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "Olivia@example.com"},
        {"credits_micro": -1},
        {"rate_limit": 5},
        {"rate_limit": 0, "rate_per_seconds": 1, "rate_burst": 1},
    ],
)
def test_the_database_refuses(olivia, fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=olivia.pk).update(**fields)


def test_an_address_belongs_to_one_person(olivia):
    with pytest.raises(IntegrityError), transaction.atomic():
        UserFactory.create(email=olivia.email)


def test_addresses_are_found_in_any_case(olivia):
    assert User.objects.get_by_natural_key(" OLIVIA@Example.com ") == olivia


def test_only_a_change_of_status_raises_the_version(olivia):
    User.objects.filter(pk=olivia.pk).update(full_name="O", login_count=9)
    assert User.objects.get(pk=olivia.pk).version == 1

    User.objects.filter(pk=olivia.pk).update(status=UserStatus.SUSPENDED)
    assert User.objects.get(pk=olivia.pk).version == 2


@pytest.mark.parametrize(
    ("full_name", "short"), [("Olivia Owner", "Olivia"), ("Cher", "Cher"), ("", "olivia")]
)
def test_a_person_is_greeted_by_the_first_name(full_name, short):
    assert User(email="olivia@example.com", full_name=full_name).get_short_name() == short


def test_the_role_alone_makes_staff():
    standing = {
        role: (user.is_staff, user.is_superuser)
        for role in PlatformRole
        for user in [User(email="x@example.com", role=role)]
    }

    assert standing == {
        PlatformRole.SUPER_ADMIN: (True, True),
        PlatformRole.ADMIN: (True, False),
        PlatformRole.USER: (False, False),
        PlatformRole.VIEWER: (False, False),
    }


def test_whoever_is_not_active_may_nothing():
    user = User(role=PlatformRole.SUPER_ADMIN, status=UserStatus.SUSPENDED)

    assert not any(user.may(permission) for permission in PlatformPermission)


def test_platform_roles_grant_what_the_matrix_says():
    assert set(GRANTS) == {role.value for role in PlatformRole}
    assert {p for p in PlatformPermission if not may("ADMIN", p)} == {
        PlatformPermission.SERVICE_KEYS_WRITE,
        PlatformPermission.ROLES_WRITE,
    }
    assert not any(may("USER", p) for p in PlatformPermission)


@pytest.mark.parametrize(
    ("role", "permission", "expected"),
    [
        ("SUPER_ADMIN", "apikeys.change_servicekey", True),
        ("ADMIN", "apikeys.change_servicekey", False),
        ("ADMIN", "apikeys.view_servicekey", True),
        ("ADMIN", "apikeys.add_routerule", True),
        ("ADMIN", "accounts.change_user", True),
        ("ADMIN", "audit.view_auditlog", True),
        ("ADMIN", "audit.change_auditlog", False),
        ("ADMIN", "djstripe.view_charge", False),
        ("ADMIN", "nonsense", False),
        ("VIEWER", "accounts.view_user", False),
        ("USER", "accounts.view_user", False),
    ],
)
def test_djangos_permissions_follow_the_platform_role(role, permission, expected):
    assert may_in_back_office(role, permission) is expected


def test_apps_of_the_back_office_follow_the_platform_role():
    assert may_enter_app("ADMIN", "accounts")
    assert not may_enter_app("ADMIN", "djstripe")
    assert not may_enter_app("VIEWER", "accounts")
