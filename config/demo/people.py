"""The people of the demo: one organization with every role, a stranger with another, and staff."""

from django.utils import timezone

from accounts.models import PlatformRole, User
from billing.services import subscriptions
from organizations.models import Organization, Role
from organizations.services import members, organizations

_TEAM = (
    ("owner@demo.test", "Olivia Owner", Role.OWNER),
    ("admin@demo.test", "Adam Admin", Role.ADMIN),
    ("member@demo.test", "Mia Member", Role.MEMBER),
    ("viewer@demo.test", "Vera Viewer", Role.VIEWER),
)


def create_customers(password: str) -> Organization:
    """Make both organizations with their people and return the one that most of the demo is about."""
    owner, *others = [(_person(email, name, password), role) for email, name, role in _TEAM]
    acme = organizations.create_organization(owner=owner[0], name="Acme Weather")
    subscriptions.change_plan(organization=acme, plan_code="PRO")
    acme.refresh_from_db()
    for user, role in others:
        members.add_member(organization=acme, user=user, role=role)
    stranger = _person("stranger@demo.test", "Stan Stranger", password)
    organizations.create_organization(owner=stranger, name="Stranger Labs")
    return acme


def create_staff(password: str) -> User:
    """Make the super admin."""
    return _person("staff@demo.test", "Sam Staff", password, role=PlatformRole.SUPER_ADMIN)


def _person(email: str, name: str, password: str, role: str = PlatformRole.USER) -> User:
    return User.objects.create_user(
        email, password, full_name=name, role=role, email_verified_at=timezone.now()
    )
