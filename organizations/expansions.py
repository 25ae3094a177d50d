"""What rows of an organization refer to, for `expand`: found as the organization's own operations find it."""

from collections.abc import Callable, Mapping
from typing import Any

from rest_framework import serializers

from config.common.expansion import Relation
from organizations import access, selectors
from organizations.models import Organization
from organizations.roles import Permission
from organizations.scoping import OrganizationScoped


class PersonSerializer(serializers.Serializer[Any]):
    """A person as fellow members see them."""

    id = serializers.IntegerField(source="pk")
    email = serializers.CharField()
    full_name = serializers.CharField()


class OrganizationReferenceSerializer(serializers.Serializer[Any]):
    """Which organization is meant."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()


def member(name: str) -> Relation:
    """Return the relation to the person whose id a row has under this name."""
    return member_by(lambda row: row[name])


def member_by(key: Callable[[Mapping[str, Any]], Any]) -> Relation:
    """Return the relation to a person. Only present members are shown, to whom the list of members is open."""
    return Relation(PersonSerializer, key, _members)


def _members(view: OrganizationScoped, ids: list[int]) -> Mapping[int, Any]:
    view.tenant.require(Permission.MEMBERS_READ)
    found = access.rows_of(view.tenant, selectors.members_of(view.tenant.organization))
    people = [one.user for one in found.filter(user_id__in=ids)]
    return {person.pk: dict(PersonSerializer(person).data) for person in people}


def organization_of_person(name: str) -> Relation:
    """Return the relation to an organization whose id a row has under this name: one of the person's own who asks."""
    return Relation(OrganizationReferenceSerializer, lambda row: row[name], _organizations)


def _organizations(view: Any, ids: list[int]) -> Mapping[int, Any]:
    found = selectors.memberships_of(view.request.user).filter(organization_id__in=ids)
    mine: list[Organization] = [one.organization for one in found]
    return {one.pk: dict(OrganizationReferenceSerializer(one).data) for one in mine}
