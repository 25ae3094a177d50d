"""Every list of the API writes what its serializer would have written, to the byte, also where it goes past it."""

from collections import defaultdict
from typing import Any

import pytest
from django.urls import resolve
from django.utils import timezone
from rest_framework import serializers

from accounts.models import User
from apikeys import selectors
from apikeys.api.serializers import ApiKeySerializer
from apikeys.models import ApiKey
from config.common.jsonparser import as_json
from config.common.lists import CompiledRows, FollowsRelations, compiled
from organizations.api.serializers import RoleReferenceSerializer
from organizations.expansions import OrganizationReferenceSerializer
from organizations.models import OrganizationMember
from tests.api.numbered import COUNT
from tests.api.operations import operations
from tests.api.rows import ROWS
from tests.api.world import World

pytestmark = pytest.mark.django_db


def view_of(name):
    """Return the view that answers an operation."""
    path = operations()[name].path.format_map(defaultdict(lambda: 1))
    function: Any = resolve(path).func
    return function.cls if hasattr(function, "cls") else function.view_class


# What some rows hold in another row, or in what is no column at all.
NOT_COMPILED = {"organizations_list", "organizations_grants_list"}


def test_the_bytes_are_the_serializers(furnished: World, monkeypatch):
    for name in ROWS:
        operation, view = operations()[name], view_of(name)
        path = f"{operation.path.format(**furnished.path_values('mine'))}?limit=200"
        client = furnished.insider(operation)
        assert view.is_compiled == (name not in NOT_COMPILED), name

        fast = client.get(path)
        monkeypatch.setattr(view, "is_compiled", False)
        slow = client.get(path)

        assert len(fast.json()["data"]) >= COUNT, name
        assert rows_in(fast.content) == rows_in(slow.content), name


def rows_in(content):
    """Return the bytes of the rows; the cursors behind them hold the moment of their signature."""
    return content.partition(b',"next_cursor":')[0]


def test_times_of_whole_seconds_and_texts_of_all_kinds_are_the_same(world: World):
    ROWS["api_keys_list"](world)
    now = timezone.now().replace(microsecond=0)
    ApiKey.objects.filter(environment="test").update(created_at=now, updated_at=now)
    rows = selectors.keys().order_by("id")
    fast = compiled(ApiKeySerializer, ApiKey)

    written = as_json(fast.write(fast.query(rows)))

    assert written == as_json(ApiKeySerializer(rows, many=True).data)


class WithRelation(serializers.ModelSerializer[OrganizationMember]):
    name = serializers.CharField(source="user.full_name")
    organization = OrganizationReferenceSerializer()
    custom_role = RoleReferenceSerializer(allow_null=True)
    role_since = serializers.DateTimeField(source="custom_role.created_at", allow_null=True)

    class Meta:
        model = OrganizationMember
        fields = ("id", "name", "organization", "custom_role", "role_since")


def test_columns_behind_foreign_keys_are_joined(world: World, django_assert_num_queries):
    ROWS["organizations_members_list"](world)
    rows = OrganizationMember.objects.order_by("id")
    fast = CompiledRows(WithRelation, OrganizationMember)

    with django_assert_num_queries(1):
        written = fast.write(fast.query(rows))

    assert as_json(written) == as_json(WithRelation(rows, many=True).data)
    assert {row["custom_role"] is None for row in written} == {True, False}


def refused(**members):
    """Make a serializer of members of an organization that is not to be compiled."""
    meta = type("Meta", (), {"model": OrganizationMember, "fields": tuple(members)})
    return type("Refused", (serializers.ModelSerializer,), {**members, "Meta": meta})


class WithMethod(serializers.Serializer[User]):
    shouted = serializers.SerializerMethodField()

    def get_shouted(self, person):
        return person.email.upper()


@pytest.mark.parametrize(
    "members",
    [
        {"user": serializers.PrimaryKeyRelatedField(read_only=True)},
        {"user": WithMethod()},
        {"object_grants": WithMethod(many=True)},
        {"name": serializers.CharField(source="custom_role.name")},
        {"role": serializers.CharField(source="custom_role.organization.name")},
        {"kind": serializers.CharField(source="organization.no_such_column")},
    ],
    ids=["relation", "method", "many", "null", "null-between", "no-column"],
)
def test_what_no_join_expresses_is_refused(members):
    with pytest.raises(FollowsRelations):
        CompiledRows(refused(**members), OrganizationMember)


class Shouting(serializers.CharField):
    def to_representation(self, value):
        return str(value).upper()


class OwnField(serializers.ModelSerializer[ApiKey]):
    name = Shouting()
    tags = serializers.ListField(child=Shouting(), source="scopes")

    class Meta:
        model = ApiKey
        fields = ("id", "name", "tags")


def test_fields_of_ones_own_are_asked(world: World):
    ROWS["api_keys_list"](world)
    rows = ApiKey.objects.order_by("id")
    fast = CompiledRows(OwnField, ApiKey)

    assert as_json(fast.write(fast.query(rows))) == as_json(OwnField(rows, many=True).data)
