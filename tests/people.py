"""Who appears in the tests: Olivia owns an organization where Adam, Mia and Vera work; Stan owns another; Sam is staff."""

import pytest
from django.db.models import BigIntegerField, CharField

from accounts.models import PlatformRole, User
from config.common.prepared import Given, Prepared
from organizations.models import Organization, Role
from organizations.services import members, organizations
from tests.factories.accounts import UserFactory

pytest_plugins = ["tests.clients", "tests.emitted", "tests.queries"]

# Thousands of tests begin with these.
_ORGANIZATIONS = Prepared(lambda: Organization.objects.filter(pk=Given("pk", BigIntegerField())))
_PEOPLE = Prepared(lambda: User.objects.filter(email=Given("email", CharField())))


def _called(name: str) -> User:
    person = _PEOPLE.first(email=f"{name}@example.com")
    assert person is not None
    return person


def _organization_of(owner: User, name: str) -> Organization:
    organization = organizations.create_organization(owner=owner, name=name, is_personal=True)
    Organization.objects.filter(pk=organization.pk).update(seat_limit=10)
    made = _ORGANIZATIONS.first(pk=organization.pk)
    assert made is not None
    return made


def _join(organization: Organization, role: Role, name: str) -> User:
    person = UserFactory.create(
        email=f"{name.split(maxsplit=1)[0].lower()}@example.com", full_name=name
    )
    members.add_member(organization=organization, user=person, role=role)
    return person


@pytest.fixture
def organization(db: None) -> Organization:
    """Return Olivia's organization."""
    olivia = UserFactory.create(email="olivia@example.com", full_name="Olivia Owner")
    return _organization_of(olivia, "Olivia's organization")


@pytest.fixture
def foreign_organization(db: None) -> Organization:
    """Return Stan's organization, in which nobody else has a place."""
    stan = UserFactory.create(email="stan@example.com", full_name="Stan Stranger")
    return _organization_of(stan, "Stan's organization")


@pytest.fixture
def olivia(organization: Organization) -> User:
    """Return the owner."""
    return _called("olivia")


@pytest.fixture
def adam(organization: Organization) -> User:
    """Return an admin."""
    return _join(organization, Role.ADMIN, "Adam Admin")


@pytest.fixture
def mia(organization: Organization) -> User:
    """Return a member."""
    return _join(organization, Role.MEMBER, "Mia Member")


@pytest.fixture
def vera(organization: Organization) -> User:
    """Return a viewer."""
    return _join(organization, Role.VIEWER, "Vera Viewer")


@pytest.fixture
def stan(foreign_organization: Organization) -> User:
    """Return a stranger: the owner of another organization."""
    return _called("stan")


@pytest.fixture
def sam(db: None) -> User:
    """Return a super admin of the platform."""
    return UserFactory.create(
        email="sam@example.com", full_name="Sam Staff", role=PlatformRole.SUPER_ADMIN
    )
