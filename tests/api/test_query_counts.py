"""Lists cost the same number of queries for one row and for twenty: there is no query per row."""

import pytest
from django.utils import timezone

from accounts.services import sessions
from billing.services import subscriptions
from tests.api.operations import operations
from tests.api.world import World
from tests.factories.apikeys import ApiKeyFactory
from tests.factories.organizations import MemberFactory, OrganizationFactory

pytestmark = pytest.mark.django_db


def add_key(world):
    ApiKeyFactory.create(organization=world.mine, created_by=world.people["owner"], rate_limit=5)


def add_organization(world):
    organization = OrganizationFactory.create()
    MemberFactory.create(organization=organization, user=world.people["owner"], role="ADMIN")


def add_member(world):
    MemberFactory.create(organization=world.mine)


def add_session(world):
    sessions.start(user=world.people["owner"], at=timezone.now())


# Operation, what adds a row to its list, and how many queries it takes: who asks, where, and the rows.
LISTS = {
    "api_keys_list": (add_key, 3),
    "organizations_list": (add_organization, 2),
    "organizations_members_list": (add_member, 3),
    "users_me_sessions": (add_session, 2),
}


def test_every_list_of_the_document_is_counted():
    listings = {name for name, operation in operations().items() if operation.is_listing}

    assert set(LISTS) == listings


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_for_many_rows(world: World, count_queries, name):
    add, expected = LISTS[name]
    path = operations()[name].path.format(**world.path_values("mine"))
    client = world.clients["owner"]
    subscriptions.change_plan(organization=world.mine, plan_code="ENTERPRISE")
    few, rows = count_queries(client, path), len(client.get(path).json()["data"])

    for _ in range(20):
        add(world)

    many = count_queries(client, path)
    assert len(client.get(path).json()["data"]) == rows + 20
    assert (few, many) == (expected, expected)


@pytest.mark.parametrize("name", ["api_keys_retrieve", "organizations_retrieve", "users_me"])
def test_reading_one_row_costs_few_queries(world: World, count_queries, name):
    path = operations()[name].path.format(**world.path_values("mine"))

    assert count_queries(world.clients["owner"], path) <= 3
