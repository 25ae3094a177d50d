"""Lists cost the same number of queries for one row and for twenty: there is no query per row."""

import time

import pytest
from django.utils import timezone

from accounts.models import Broadcast, DataExport
from accounts.services import devices, notices, profile, sessions
from billing.services import subscriptions
from organizations import access
from organizations.services import custom_roles, grants, invitations, members, organizations
from tests.api.operations import operations
from tests.api.world import World
from tests.factories.accounts import PasskeyFactory, UserFactory
from tests.factories.apikeys import ApiKeyFactory
from tests.factories.audit import SecurityEventFactory
from tests.factories.organizations import MemberFactory, OrganizationFactory
from tests.factories.webhooks import WebhookFactory
from webhooks.models import ConformanceRun, RunStatus
from webhooks.services import testing

pytestmark = pytest.mark.django_db


def add_key(world):
    ApiKeyFactory.create(organization=world.mine, created_by=world.people["owner"], rate_limit=5)


def add_organization(world):
    organization = OrganizationFactory.create()
    MemberFactory.create(organization=organization, user=world.people["owner"], role="ADMIN")


def add_member(world):
    MemberFactory.create(organization=world.mine)


def add_invitation(world):
    tenant, email = access.on_behalf_of(world.mine), f"{time.monotonic_ns()}@example.com"
    invitations.invite(tenant=tenant, email=email, role="VIEWER", at=timezone.now())


def add_invitation_to_owner(world):
    owner = world.people["owner"]
    tenant = access.on_behalf_of(OrganizationFactory.create())
    invitations.invite(tenant=tenant, email=owner.email, role="VIEWER", at=timezone.now())


def add_role(world):
    tenant, name = access.on_behalf_of(world.mine), f"Role {time.monotonic_ns()}"
    role = custom_roles.create_role(tenant=tenant, name=name, permissions=["usage:read"])
    user_id = MemberFactory.create(organization=world.mine).user_id
    members.change_role(tenant=tenant, user_id=user_id, custom_role_id=role.pk)


def add_grant(world):
    user_id = MemberFactory.create(organization=world.mine).user_id
    grants.give(
        tenant=access.on_behalf_of(world.mine),
        user_id=user_id,
        permission="keys:write",
        kind="api_key",
        object_id=world.key.pk,
    )


def add_session(world):
    sessions.start(user=world.people["owner"], at=timezone.now())


def add_event(world):
    SecurityEventFactory.create(organization_id=world.mine.pk)


def add_entry(world):
    organizations.update_organization(
        organization=world.mine, changes={"metadata": {"at": time.monotonic_ns()}}
    )


def add_failure(world):
    SecurityEventFactory.create(name="authn_login_fail", user_id=world.people["owner"].pk)


def add_passkey(world):
    PasskeyFactory.create(user=world.people["owner"])


def add_device(world):
    devices.note(user=world.people["owner"], token=devices.new_token(), at=timezone.now())


def add_change(world):
    name = f"Olivia {time.monotonic_ns()}"
    profile.update_profile(user=world.people["owner"], changes={"full_name": name})


def add_export(world):
    DataExport.objects.create(user=world.people["owner"], status=DataExport.Status.EXPIRED)


def add_notice(world):
    notices.notify(users=[world.people["owner"]], kind="broadcast.sent", title="Hello")


def add_broadcast(world):
    Broadcast.objects.create(title="Maintenance", body="On Sunday.")


def add_person(world):
    UserFactory.create()


def add_webhook(world):
    WebhookFactory.create(organization=world.mine)


def add_run(world):
    webhook = world.webhook.webhook
    ConformanceRun.objects.create(
        organization=world.mine,
        webhook=webhook,
        url=webhook.url,
        probes_total=15,
        status=RunStatus.FAILED,
        completed_at=timezone.now(),
    )


def add_delivery(world):
    testing.send_test(webhook=world.webhook.webhook, at=timezone.now())


# Operation, what adds a row to its list, and how many queries it takes: who asks, where, and the rows.
LISTS = {
    "admin_broadcasts_list": (add_broadcast, 2),
    "admin_users_list": (add_person, 2),
    "api_keys_list": (add_key, 3),
    "audit_log_list": (add_entry, 4),
    "auth_passkeys_list": (add_passkey, 2),
    "invitations_list": (add_invitation_to_owner, 2),
    "organizations_grants_list": (add_grant, 3),
    "organizations_invitations_list": (add_invitation, 3),
    "organizations_list": (add_organization, 2),
    "organizations_members_list": (add_member, 3),
    "organizations_roles_list": (add_role, 3),
    "security_events_list": (add_event, 3),
    "users_me_activity": (add_change, 2),
    "users_me_exports_list": (add_export, 2),
    "users_me_notices_list": (add_notice, 2),
    "users_me_security_events": (add_failure, 2),
    "users_me_devices": (add_device, 2),
    "users_me_sessions": (add_session, 2),
    "webhooks_conformance_list": (add_run, 4),
    "webhooks_deliveries_list": (add_delivery, 4),
    "webhooks_list": (add_webhook, 3),
}


def test_every_list_of_the_document_is_counted():
    listings = {name for name, operation in operations().items() if operation.is_listing}

    assert set(LISTS) == listings


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_for_many_rows(world: World, count_queries, name):
    add, expected = LISTS[name]
    path = operations()[name].path.format(**world.path_values("mine"))
    client = world.insider(operations()[name])
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
