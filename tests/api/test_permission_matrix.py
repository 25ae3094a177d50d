"""Every operation by every kind of caller is answered as the matrix says. A new operation fails here until it has its row."""

import pytest
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.services import suspension
from apikeys.services.keys import revoke_key
from organizations.services import members
from tests.api.matrix import BODIES, CALLERS, MATRIX
from tests.api.operations import document, operations
from tests.api.world import REQUEST_ID, World
from tests.factories.accounts import UserFactory
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db


def test_the_table_covers_the_document():
    rows = [row[0] for row in MATRIX]

    assert sorted(rows) == sorted(operations())
    assert set(BODIES) <= set(rows)


def test_every_caller_gets_the_status_of_the_table(world: World):
    got = [(name, *(status_for(world, caller, name) for caller in CALLERS)) for name, *_ in MATRIX]

    assert got == MATRIX


# What a key without a `tollgate:` scope gets where a key may call at all.
WITH_WRONG_SCOPE = {"permissions_list": 200, "whoami": 200}
# Where the stranger has something of their own that whoever was let go has not: an invitation, a passkey.
LET_GO = {
    "auth_two_factor_recovery_codes": 409,
    "invitations_accept": 404,
    "invitations_accept_link": 403,
    "invitations_decline": 404,
    "invitations_decline_link": 403,
}


def test_who_lost_their_place_is_as_nobody_or_as_a_stranger(world: World, api_as):
    """These callers need no columns of their own: what they get follows from those of the anonymous and the stranger."""
    let_go = UserFactory.create(email="rita@example.com")
    member = members.add_member(organization=world.mine, user=let_go, role="ADMIN")
    suspended = UserFactory.create(email="sybil@example.com")
    members.add_member(organization=world.mine, user=suspended, role="ADMIN")
    keys = [
        ApiKeyFactory.create(organization=world.mine, scopes=scopes)
        for scopes in (["tollgate:*"], ["orders:read", "*"])
    ]
    world.clients |= {"removed": api_as(let_go), "suspended": api_as(suspended)}
    for name, key in zip(("revoked key", "wrong scope"), keys, strict=True):
        world.clients[name] = APIClient(headers={"Authorization": f"Bearer {key.secret}"})
    member.delete()
    suspension.suspend(user=suspended, at=timezone.now(), reason="Fraud.")
    revoke_key(key=keys[0], at=timezone.now())

    got, expected = {}, {}
    for name, anonymous, stranger, *_ in MATRIX:
        got[name] = [
            status_for(world, caller, name)
            for caller in ("removed", "suspended", "revoked key", "wrong scope")
        ]
        with_key = WITH_WRONG_SCOPE.get(name, 403) if is_for_keys(name) else anonymous
        expected[name] = [LET_GO.get(name, stranger), anonymous, anonymous, with_key]

    assert {name: got[name] for name in got if got[name] != expected[name]} == {}


def is_for_keys(name):
    """Whether the document lets API keys ask for the operation."""
    operation = operations()[name]
    described = document()["paths"][operation.path][operation.method]
    return any("apiKey" in scheme for scheme in described.get("security", ()))


def status_for(world, caller, name):
    """Ask, undo what came of it, and return the status; a refusal is a problem document."""
    with transaction.atomic():
        response = world.ask(caller, operations()[name], body=BODIES.get(name))
        transaction.set_rollback(True)
    if response.status_code >= 400:
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["status"] == response.status_code
        assert response.json()["request_id"] == REQUEST_ID
    return response.status_code
