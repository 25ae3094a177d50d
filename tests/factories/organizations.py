"""Organizations and members for tests, made by the product's own services, so that their plan and log are real."""

from typing import Any

import factory

from organizations.models import Organization, OrganizationMember, Role
from organizations.services import members, organizations
from tests.factories.accounts import UserFactory


class OrganizationFactory(factory.Factory[Organization]):
    """An organization with its owner, on the free plan."""

    class Meta:
        model = Organization

    name = factory.Sequence(lambda number: f"Organization {number}")
    owner = factory.SubFactory(UserFactory)

    @classmethod
    def _create(cls, model_class: type[Organization], *_args: Any, **settings: Any) -> Organization:
        organization = organizations.create_organization(**settings)
        organization.refresh_from_db()
        return organization


class MemberFactory(factory.Factory[OrganizationMember]):
    """A further member; the seats of the plan are not in the way."""

    class Meta:
        model = OrganizationMember

    user = factory.SubFactory(UserFactory)
    role = Role.MEMBER

    @classmethod
    def _create(
        cls, model_class: type[OrganizationMember], *_args: Any, **settings: Any
    ) -> OrganizationMember:
        Organization.objects.filter(pk=settings["organization"].pk).update(seat_limit=None)
        return members.add_member(**settings)
