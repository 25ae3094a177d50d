"""Lists cost the same number of queries for one row and for fifty, also where `expand` shows what rows refer to."""

import pytest

from tests.api.numbered import COUNT
from tests.api.operations import operations
from tests.api.rows import ROWS
from tests.api.world import World

pytestmark = pytest.mark.django_db

# How many queries a list takes: who asks, where, and the rows.
LISTS = {
    "admin_broadcasts_list": 2,
    "admin_users_list": 2,
    "api_keys_list": 3,
    "audit_log_list": 4,
    "auth_passkeys_list": 2,
    "invitations_list": 2,
    "organizations_grants_list": 3,
    "organizations_invitations_list": 3,
    "organizations_list": 2,
    "organizations_members_list": 3,
    "organizations_roles_list": 3,
    "security_events_list": 3,
    "users_me_activity": 2,
    "users_me_devices": 2,
    "users_me_exports_list": 2,
    "users_me_notices_list": 2,
    "users_me_security_events": 2,
    "users_me_sessions": 2,
    "webhooks_conformance_list": 4,
    "webhooks_deliveries_list": 4,
    "webhooks_list": 3,
}


def test_every_list_of_the_document_is_counted():
    listings = {name for name, operation in operations().items() if operation.is_listing}

    assert set(LISTS) == set(ROWS) == listings


def test_a_list_costs_the_same_for_one_row_and_for_fifty(furnished: World, count_queries):
    for name, expected in LISTS.items():
        operation = operations()[name]
        path = operation.path.format(**furnished.path_values("mine"))
        client = furnished.insider(operation)
        # One query for each relation, whatever the number of rows.
        for expand in {(), operation.expandable}:
            query = f"&expand={','.join(expand)}" if expand else ""
            one, fifty = f"{path}?limit=1{query}", f"{path}?limit={COUNT}{query}"

            assert len(client.get(one).json()["data"]) == 1, name
            assert len(client.get(fifty).json()["data"]) == COUNT, name
            counted = count_queries(client, one), count_queries(client, fifty)
            assert counted == (expected + len(expand),) * 2, (name, expand)


@pytest.mark.parametrize("name", ["api_keys_retrieve", "organizations_retrieve", "users_me"])
def test_reading_one_row_costs_few_queries(world: World, count_queries, name):
    path = operations()[name].path.format(**world.path_values("mine"))

    assert count_queries(world.clients["owner"], path) <= 3
