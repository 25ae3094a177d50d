"""`expand`: what rows refer to is shown with them, if who asks could read it by itself, and only when asked."""

import pytest

from accounts.models import User
from apikeys.models import ApiKey
from audit.models import AuditLog
from config.common import context
from config.common.context import Actor
from organizations import access
from organizations.services import custom_roles, grants, members, organizations
from tests.api.operations import operations
from tests.api.rows import ROWS
from tests.api.world import World
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db
KEYS = "/api/v1/api-keys"
WITH_EXPAND = {name: one for name, one in operations().items() if one.expandable}


def rows_of(response):
    assert response.status_code == 200, response.content
    body = response.json()
    return body["data"] if "next_cursor" in body else [body]


def faults_of(response):
    return [
        (fault["pointer"], fault["location"], fault["code"]) for fault in response.json()["errors"]
    ]


def test_lists_and_single_rows_can_be_expanded():
    assert {name: one.expandable for name, one in WITH_EXPAND.items()} == {
        "api_keys_list": ("created_by",),
        "api_keys_retrieve": ("created_by",),
        "audit_log_list": ("actor",),
        "audit_log_retrieve": ("actor",),
        "organizations_invitations_list": ("custom_role",),
        "organizations_members_list": ("custom_role",),
        "security_events_list": ("user", "acknowledged_by"),
        "users_me_activity": ("organization",),
        "users_me_sessions": ("device",),
        "webhooks_conformance_list": ("webhook",),
        "webhooks_conformance_retrieve": ("webhook",),
        "webhooks_deliveries_list": ("webhook", "message"),
        "webhooks_deliveries_retrieve": ("webhook", "message"),
        "webhooks_list": ("created_by",),
        "webhooks_retrieve": ("created_by",),
    }


def test_nothing_is_expanded_unless_it_is_asked(world: World):
    for name, operation in WITH_EXPAND.items():
        plain = rows_of(world.ask("owner", operation))
        assert plain, name
        assert all("expanded" not in row for row in plain), name

        for names in {(operation.expandable[-1],), operation.expandable}:
            shown = rows_of(world.ask("owner", operation, query=f"?expand={','.join(names)}"))

            assert [set(row.pop("expanded")) for row in shown] == [set(names)] * len(plain), name
            assert shown == plain, name


def test_other_names_are_refused_with_those_there_are(world: World):
    for name, operation in WITH_EXPAND.items():
        for expand in ("password", "organization.owner", "", f"{operation.expandable[0]},", "*"):
            response = world.ask("owner", operation, query=f"?expand={expand}")

            assert response.status_code == 400, name
            assert faults_of(response) == [("#/expand", "query", "expand")]
            fix = response.json()["errors"][0]["fix"]
            assert all(allowed in fix for allowed in operation.expandable), name


def test_where_nothing_can_be_expanded_the_parameter_is_unknown(world: World):
    for name in ("users_me_notices_list", "organizations_retrieve"):
        response = world.ask("owner", operations()[name], query="?expand=user")

        assert faults_of(response) == [("#/expand", "query", "unknown_member")]


def test_a_key_is_shown_with_who_made_it_while_they_are_a_member(world: World, mia):
    key = ApiKeyFactory.create(organization=world.mine, created_by=mia)
    path, client = f"{KEYS}/{key.pk}?expand=created_by", world.clients["owner"]
    expected = {"id": mia.pk, "email": mia.email, "full_name": mia.full_name}
    assert client.get(path).json()["expanded"] == {"created_by": expected}

    members.remove_member(tenant=access.on_behalf_of(world.mine), user_id=mia.pk)

    left = client.get(path).json()
    assert (left["created_by"], left["expanded"]) == (mia.pk, {"created_by": None})


def test_people_of_other_organizations_are_not_shown(world: World, stan):
    ApiKey.objects.filter(pk=world.key.pk).update(created_by=stan)

    (row,) = rows_of(world.clients["owner"].get(f"{KEYS}?expand=created_by"))

    assert (row["created_by"], row["expanded"]) == (stan.pk, {"created_by": None})


def with_role(world, person, *permissions):
    """Give a member a role of just these permissions."""
    tenant = access.on_behalf_of(world.mine)
    role = custom_roles.create_role(tenant=tenant, name="Narrow", permissions=list(permissions))
    members.change_role(tenant=tenant, user_id=person.pk, custom_role_id=role.pk)


def test_who_may_not_read_members_may_not_expand_them(world: World, mia):
    with_role(world, mia, "keys:read", "webhooks:read", "audit:read")
    client = world.clients["member"]
    webhook = world.webhook.webhook_id

    for path, name in (
        (KEYS, "created_by"),
        (f"{KEYS}/{world.key.pk}", "created_by"),
        ("/api/v1/webhooks", "created_by"),
        (f"/api/v1/webhooks/{webhook}", "created_by"),
        ("/api/v1/audit-log", "actor"),
        ("/api/v1/audit/security-events", "user"),
    ):
        assert client.get(path).status_code == 200
        response = client.get(path, {"expand": name})

        assert response.status_code == 403, path
        assert response.json()["permission"] == "members:read"
        assert world.people["owner"].email not in response.content.decode()


def test_who_was_given_one_webhook_sees_it_but_not_the_feed(world: World, mia):
    with_role(world, mia, "usage:read")
    grants.give(
        tenant=access.on_behalf_of(world.mine),
        user_id=mia.pk,
        permission="webhooks:read",
        kind="webhook",
        object_id=world.webhook.webhook_id,
    )
    path = f"/api/v1/webhooks/{world.webhook.webhook_id}/deliveries"
    client = world.clients["member"]

    (row,) = rows_of(client.get(path, {"expand": "webhook"}))
    assert row["expanded"]["webhook"]["id"] == world.webhook.webhook_id

    assert client.get(path, {"expand": "message"}).status_code == 403
    assert client.get(path, {"expand": "webhook,message"}).status_code == 403


def test_a_delivery_is_shown_with_its_message_as_the_feed_tells_it(world: World):
    path = f"/api/v1/webhooks/{world.webhook.webhook_id}/deliveries/{world.webhook.pk}"

    shown = world.clients["owner"].get(path, {"expand": "message"}).json()["expanded"]["message"]

    message = world.webhook.message
    assert shown == {
        "position": message.position,
        "id": message.message_id,
        "type": message.event_type,
        "timestamp": message.payload["timestamp"],
        "data": message.payload["data"],
    }


def test_an_entry_is_shown_with_a_member_who_acted_and_never_with_staff(world: World, olivia):
    world.clients["owner"].patch(f"/api/v1/organizations/{world.mine.pk}", {"name": "Renamed"})
    mine = AuditLog.objects.filter(organization_id=world.mine.pk).latest("pk")
    assert (mine.actor_type, mine.actor_id) == ("user", olivia.pk)
    path = f"/api/v1/audit-log/{mine.pk}?expand=actor"
    shown = world.clients["owner"].get(path).json()
    assert shown["expanded"]["actor"]["email"] == olivia.email

    # The same person at work for the platform is marked as staff, and who it was is not told.
    with context.use(context.Context(actor=Actor("staff", olivia.pk))):
        organizations.update_organization(organization=world.mine, changes={"name": "Again"})
    entry = AuditLog.objects.filter(organization_id=world.mine.pk).latest("pk")
    assert (entry.actor_type, entry.actor_id) == ("staff", olivia.pk)
    shown = world.clients["owner"].get(f"/api/v1/audit-log/{entry.pk}?expand=actor").json()
    assert (shown["actor"]["id"], shown["expanded"]) == (None, {"actor": None})


def test_activity_is_shown_with_the_organizations_one_belongs_to(world: World, adam):
    client, path = world.clients["admin"], "/api/v1/users/me/activity?expand=organization"
    client.patch(f"/api/v1/organizations/{world.mine.pk}", {"name": "Renamed"})
    here = {"id": world.mine.pk, "name": "Renamed"}
    assert rows_of(client.get(path))[0]["expanded"] == {"organization": here}

    members.remove_member(tenant=access.on_behalf_of(world.mine), user_id=adam.pk)

    left = [row for row in rows_of(client.get(path)) if row["organization_id"] == world.mine.pk]
    assert [row["expanded"] for row in left] == [{"organization": None}] * len(left)
    assert left


def test_a_key_as_a_caller_is_refused_what_its_scopes_do_not_open(world: World, api):
    key = ApiKeyFactory.create(organization=world.mine, scopes=["tollgate:keys:read"])
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {key.secret}")

    assert api.get(KEYS).status_code == 200
    assert api.get(KEYS, {"expand": "created_by"}).status_code == 403


def test_a_row_has_tags_of_one_state_with_and_without_what_it_refers_to(world: World, olivia):
    client, path = world.clients["owner"], f"{KEYS}/{world.key.pk}"
    plain = client.get(path).headers["ETag"]
    expanded = client.get(f"{path}?expand=created_by").headers["ETag"]
    assert plain != expanded
    assert plain.strip('"').split(".")[0] == expanded.strip('"').split(".")[0]

    # Its maker's name is no state of the key: who has read it with the name may change it.
    User.objects.filter(pk=olivia.pk).update(full_name="Olivia Other")
    same = {"If-None-Match": expanded}
    assert client.get(f"{path}?expand=created_by", headers=same).status_code == 200
    assert client.get(path, headers={"If-None-Match": plain}).status_code == 304
    changed = client.patch(path, {"name": "Other"}, headers={"If-Match": expanded})
    assert (changed.status_code, "expanded" in changed.json()) == (200, False)
    stale = client.patch(path, {"name": "Third"}, headers={"If-Match": expanded})
    assert stale.status_code == 412
    assert ApiKey.objects.get(pk=world.key.pk).name == "Other"


def test_only_reading_can_be_expanded(world: World):
    path = f"{KEYS}/{world.key.pk}?expand=created_by"

    response = world.clients["owner"].patch(path, {"name": "Other"})

    assert faults_of(response) == [("#/expand", "query", "unknown_member")]
    assert ApiKey.objects.get(pk=world.key.pk).name == world.key.name


def test_a_page_of_fifty_is_expanded(world: World, olivia):
    ROWS["api_keys_list"](world)

    rows = rows_of(world.clients["owner"].get(f"{KEYS}?limit=200&expand=created_by"))

    shown = {(row["expanded"]["created_by"] or {}).get("email") for row in rows}
    assert shown == {olivia.email, None}
