"""Who may do what over the API: every operation of the OpenAPI document by every kind of caller, as one table.

The stranger owns another organization and asks for this one. A new operation fails here until it has its row.
"""

from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.services import suspension
from apikeys.services.keys import revoke_key
from organizations.services import members
from tests.api.operations import document, operations
from tests.api.world import REQUEST_ID, World
from tests.factories.accounts import UserFactory
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db
CALLERS = ("anonymous", "stranger", "viewer", "member", "admin", "owner")

MATRIX: list[tuple[Any, ...]] = [
    # operation                           anonymous, stranger, viewer, member, admin, owner
    ("admin_broadcasts_cancel",            401, 403, 403, 403, 403, 403),
    ("admin_broadcasts_list",              401, 403, 403, 403, 403, 403),
    ("admin_broadcasts_preview",           401, 403, 403, 403, 403, 403),
    ("admin_broadcasts_retrieve",          401, 403, 403, 403, 403, 403),
    ("admin_broadcasts_send",              401, 403, 403, 403, 403, 403),
    ("admin_broadcasts_test",              401, 403, 403, 403, 403, 403),
    ("admin_dashboard",                    401, 403, 403, 403, 403, 403),
    ("admin_system_metrics",               401, 403, 403, 403, 403, 403),
    ("admin_users_list",                   401, 403, 403, 403, 403, 403),
    ("admin_users_reinstate",              401, 403, 403, 403, 403, 403),
    ("admin_users_retrieve",               401, 403, 403, 403, 403, 403),
    ("admin_users_suspend",                401, 403, 403, 403, 403, 403),
    ("admin_users_update",                 401, 403, 403, 403, 403, 403),
    ("analytics_real_time",                401, 404, 200, 200, 200, 200),
    ("analytics_usage",                    401, 404, 200, 200, 200, 200),
    ("api_keys_create",                    401, 404, 403, 201, 201, 201),
    ("api_keys_list",                      401, 404, 200, 200, 200, 200),
    ("api_keys_retrieve",                  401, 404, 200, 200, 200, 200),
    ("api_keys_revoke",                    401, 404, 403, 204, 204, 204),
    ("api_keys_rotate",                    401, 404, 403, 200, 200, 200),
    ("api_keys_update",                    401, 404, 403, 200, 200, 200),
    ("api_keys_usage",                     401, 404, 200, 200, 200, 200),
    ("audit_log_export",                   401, 404, 403, 403, 200, 200),
    ("audit_log_list",                     401, 404, 403, 403, 200, 200),
    ("audit_log_retrieve",                 401, 404, 403, 403, 200, 200),
    ("auth_email_change_cancel",           204, 204, 204, 204, 204, 204),
    ("auth_email_change_confirm",          200, 200, 200, 200, 200, 200),
    ("auth_login",                         200, 200, 200, 200, 200, 200),
    ("auth_logout",                        204, 204, 204, 204, 204, 204),
    ("auth_logout_all",                    401, 204, 204, 204, 204, 204),
    ("auth_passkeys_add",                  401, 400, 400, 400, 400, 400),
    ("auth_passkeys_list",                 401, 200, 200, 200, 200, 200),
    ("auth_passkeys_options",              401, 200, 200, 200, 200, 200),
    ("auth_passkeys_remove",               401, 404, 404, 404, 204, 404),
    ("auth_passkeys_rename",               401, 404, 404, 404, 200, 404),
    ("auth_passkeys_second_factor",        401, 401, 401, 401, 401, 401),
    ("auth_passkeys_second_factor_options", 401, 401, 401, 401, 401, 401),
    ("auth_passkeys_sign_in",              401, 401, 401, 401, 401, 401),
    ("auth_passkeys_sign_in_options",      200, 200, 200, 200, 200, 200),
    ("auth_password_reset_confirm",        204, 204, 204, 204, 204, 204),
    ("auth_password_reset_request",        202, 202, 202, 202, 202, 202),
    ("auth_reauthenticate",                401, 204, 204, 204, 204, 204),
    ("auth_reauthenticate_options",        401, 200, 200, 200, 200, 200),
    ("auth_refresh",                       200, 200, 200, 200, 200, 200),
    ("auth_register",                      201, 201, 201, 201, 201, 201),
    ("auth_resend_verification",           200, 200, 200, 200, 200, 200),
    ("auth_two_factor_disable",            401, 409, 409, 409, 409, 409),
    ("auth_two_factor_enable",             401, 200, 200, 200, 200, 200),
    ("auth_two_factor_recovery_codes",     401, 400, 409, 409, 400, 409),
    ("auth_two_factor_status",             401, 200, 200, 200, 200, 200),
    ("auth_two_factor_verify",             401, 409, 409, 409, 409, 409),
    ("auth_verify_email",                  200, 200, 200, 200, 200, 200),
    ("invitations_accept",                 401, 200, 404, 404, 404, 404),
    ("invitations_accept_link",            401, 200, 403, 403, 403, 403),
    ("invitations_decline",                401, 204, 404, 404, 404, 404),
    ("invitations_decline_link",           401, 204, 403, 403, 403, 403),
    ("invitations_list",                   401, 200, 200, 200, 200, 200),
    ("keys_verify",                        401, 401, 401, 401, 401, 401),
    ("organizations_close",                401, 404, 403, 403, 403, 204),
    ("organizations_create",               401, 201, 201, 201, 201, 201),
    ("organizations_grants_create",        401, 404, 403, 403, 201, 201),
    ("organizations_grants_list",          401, 404, 200, 200, 200, 200),
    ("organizations_grants_revoke",        401, 404, 403, 403, 204, 204),
    ("organizations_invitations_create",   401, 404, 403, 403, 201, 201),
    ("organizations_invitations_list",     401, 404, 200, 200, 200, 200),
    ("organizations_invitations_resend",   401, 404, 403, 403, 200, 200),
    ("organizations_invitations_revoke",   401, 404, 403, 403, 204, 204),
    ("organizations_list",                 401, 200, 200, 200, 200, 200),
    ("organizations_members_list",         401, 404, 200, 200, 200, 200),
    ("organizations_members_remove",       401, 404, 204, 403, 204, 204),
    ("organizations_members_update",       401, 404, 403, 403, 200, 200),
    ("organizations_retrieve",             401, 404, 200, 200, 200, 200),
    ("organizations_roles_create",         401, 404, 403, 403, 201, 201),
    ("organizations_roles_delete",         401, 404, 403, 403, 204, 204),
    ("organizations_roles_list",           401, 404, 200, 200, 200, 200),
    ("organizations_roles_retrieve",       401, 404, 200, 200, 200, 200),
    ("organizations_roles_update",         401, 404, 403, 403, 200, 200),
    ("organizations_security_policy_retrieve", 401, 404, 200, 200, 200, 200),
    ("organizations_security_policy_update", 401, 404, 403, 403, 200, 200),
    ("organizations_select",               401, 404, 200, 200, 200, 200),
    ("organizations_transfer_ownership",   401, 404, 403, 403, 403, 200),
    ("organizations_update",               401, 404, 403, 403, 200, 200),
    ("permissions_list",                   401, 200, 200, 200, 200, 200),
    ("security_events_acknowledge",        401, 404, 403, 403, 200, 200),
    ("security_events_list",               401, 404, 403, 403, 200, 200),
    ("users_me",                           401, 200, 200, 200, 200, 200),
    ("users_me_activity",                  401, 200, 200, 200, 200, 200),
    ("users_me_avatar_remove",             401, 204, 204, 204, 204, 204),
    ("users_me_avatar_set",                401, 200, 200, 200, 200, 200),
    ("users_me_deletion_cancel",           401, 204, 204, 204, 204, 204),
    ("users_me_deletion_request",          401, 202, 202, 202, 202, 409),
    ("users_me_device_remove",             401, 404, 404, 404, 404, 204),
    ("users_me_devices",                   401, 200, 200, 200, 200, 200),
    ("users_me_email_cancel",              401, 204, 204, 204, 204, 204),
    ("users_me_email_change",              401, 202, 202, 202, 202, 202),
    ("users_me_email_read",                401, 200, 200, 200, 200, 200),
    ("users_me_exports_create",            401, 202, 202, 202, 202, 202),
    ("users_me_exports_download",          401, 404, 404, 404, 404, 200),
    ("users_me_exports_list",              401, 200, 200, 200, 200, 200),
    ("users_me_exports_retrieve",          401, 404, 404, 404, 404, 200),
    ("users_me_notices_list",              401, 200, 200, 200, 200, 200),
    ("users_me_notices_read",              401, 404, 404, 404, 404, 200),
    ("users_me_notices_read_all",          401, 200, 200, 200, 200, 200),
    ("users_me_notices_unread",            401, 200, 200, 200, 200, 200),
    ("users_me_password",                  401, 200, 200, 200, 200, 200),
    ("users_me_security_events",           401, 200, 200, 200, 200, 200),
    ("users_me_session_end",               401, 404, 404, 404, 404, 204),
    ("users_me_sessions",                  401, 200, 200, 200, 200, 200),
    ("users_me_sessions_end",              401, 204, 204, 204, 204, 204),
    ("users_me_update",                    401, 200, 200, 200, 200, 200),
    ("webhooks_conformance_list",          401, 404, 200, 200, 200, 200),
    ("webhooks_conformance_retrieve",      401, 404, 200, 200, 200, 200),
    ("webhooks_conformance_start",         401, 404, 403, 202, 202, 202),
    ("webhooks_create",                    401, 404, 403, 201, 201, 201),
    ("webhooks_delete",                    401, 404, 403, 204, 204, 204),
    ("webhooks_deliveries_list",           401, 404, 200, 200, 200, 200),
    ("webhooks_deliveries_resend",         401, 404, 403, 202, 202, 202),
    ("webhooks_deliveries_retrieve",       401, 404, 200, 200, 200, 200),
    ("webhooks_disable",                   401, 404, 403, 200, 200, 200),
    ("webhooks_enable",                    401, 404, 403, 200, 200, 200),
    ("webhooks_event_types",               401, 404, 200, 200, 200, 200),
    ("webhooks_list",                      401, 404, 200, 200, 200, 200),
    ("webhooks_messages",                  401, 404, 200, 200, 200, 200),
    ("webhooks_messages_acknowledge",      401, 404, 403, 200, 200, 200),
    ("webhooks_recover",                   401, 404, 403, 202, 202, 202),
    ("webhooks_replay_missing",            401, 404, 403, 202, 202, 202),
    ("webhooks_retrieve",                  401, 404, 200, 200, 200, 200),
    ("webhooks_rotate_secret",             401, 404, 403, 200, 200, 200),
    ("webhooks_stats",                     401, 404, 200, 200, 200, 200),
    ("webhooks_test",                      401, 404, 403, 202, 202, 202),
    ("webhooks_update",                    401, 404, 403, 200, 200, 200),
    ("webhooks_why",                       401, 404, 200, 200, 200, 200),
    ("whoami",                             401, 401, 401, 401, 401, 401),
]  # fmt: skip
BODIES: dict[str, dict[str, Any]] = {
    "admin_broadcasts_preview": {"audience": {}},
    "admin_broadcasts_send": {"title": "Maintenance", "body": "On Sunday."},
    "admin_broadcasts_test": {"title": "Maintenance", "body": "On Sunday."},
    "admin_users_suspend": {"reason": "Chargeback"},
    "admin_users_update": {"full_name": "Somebody Else"},
    "api_keys_create": {"name": "Checkout"},
    "api_keys_update": {"name": "Checkout"},
    "api_keys_rotate": {"overlap_seconds": 60},
    "auth_two_factor_disable": {"password": "$password", "code": "123456"},
    "auth_two_factor_recovery_codes": {"password": "$password", "code": "123456"},
    "auth_two_factor_verify": {"code": "123456"},
    "auth_email_change_cancel": {"token": "$change_token"},
    "auth_email_change_confirm": {"token": "$change_token"},
    "auth_login": {"email": "$email", "password": "$password"},
    "auth_logout": {"refresh": "$refresh"},
    "auth_passkeys_add": {"credential": {}},
    "auth_passkeys_rename": {"name": "Laptop"},
    "auth_passkeys_second_factor": {"two_factor_token": "a.b.c", "credential": {}},
    "auth_passkeys_second_factor_options": {"two_factor_token": "a.b.c"},
    "auth_passkeys_sign_in": {"credential": {}},
    "auth_password_reset_confirm": {
        "token": "$reset_token",
        "password": "another four unrelated words",
    },
    "auth_password_reset_request": {"email": "$email"},
    "auth_reauthenticate": {"password": "$password"},
    "auth_refresh": {"refresh": "$refresh"},
    "auth_register": {"email": "new@example.com", "password": "four unrelated quiet words"},
    "auth_resend_verification": {"email": "$email"},
    "auth_verify_email": {"token": "$verify_token"},
    "invitations_accept_link": {"token": "$invitation_token"},
    "invitations_decline_link": {"token": "$invitation_token"},
    "keys_verify": {"key": "tg_live_x"},
    "organizations_close": {"name": "$organization_name"},
    "organizations_create": {"name": "Acme"},
    "organizations_grants_create": {
        "user_id": "$user_id",
        "permission": "billing:read",
        "kind": "organization",
        "object_id": "$organization_id",
    },
    "organizations_invitations_create": {"email": "nora@example.com", "role": "MEMBER"},
    "organizations_roles_create": {"name": "Reader", "permissions": ["usage:read"]},
    "organizations_roles_update": {"description": "Pays."},
    "organizations_security_policy_update": {"max_key_age_days": 30},
    "organizations_update": {"name": "Acme"},
    "organizations_members_update": {"role": "MEMBER"},
    "organizations_transfer_ownership": {"user_id": "$user_id"},
    "security_events_acknowledge": {"note": "Looked at."},
    "users_me_avatar_set": {"file": "$picture"},
    "users_me_deletion_request": {"password": "$password"},
    "users_me_email_change": {"email": "moved@example.com", "password": "$password"},
    "users_me_password": {
        "current_password": "$password",
        "new_password": "another four unrelated words",
    },
    "users_me_update": {"full_name": "Somebody Else"},
    "webhooks_create": {"url": "http://127.0.0.1:8099/hooks"},
    "webhooks_messages_acknowledge": {"position": 0},
    "webhooks_recover": {"since": "2026-03-01T00:00:00Z"},
    "webhooks_replay_missing": {"since": "2026-03-01T00:00:00Z"},
    "webhooks_rotate_secret": {"overlap_seconds": 60},
    "webhooks_test": {"event_type": "api_key.revoked"},
    "webhooks_update": {"description": "Bookkeeping"},
}
SCOPED_TO_ONE = [name for name, operation in operations().items() if operation.has_id]
OF_ORGANIZATIONS = [
    name
    for name, operation in operations().items()
    if operation.has_id
    or name.startswith(("api_keys", "analytics", "organizations_", "security_events", "webhooks"))
]
BELOW_ONE = [
    name
    for name, operation in operations().items()
    if operation.path.count("{") > 1 and "{organization_id}" in operation.path
]


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


@pytest.mark.parametrize("caller", ["viewer", "owner"])
def test_a_foreign_id_is_answered_like_a_missing_one(world: World, caller):
    before = checksums(world)

    for name in SCOPED_TO_ONE:
        foreign, missing = (
            world.ask(caller, operations()[name], whose=whose, body=BODIES.get(name))
            for whose in ("foreign", "missing")
        )

        # Whoever may do nothing of the kind learns that first, and nothing about the id.
        may_be_refused = caller == "viewer" or name.startswith("admin_")
        assert foreign.status_code in ({403, 404} if may_be_refused else {404}), name
        assert told(foreign) == told(missing), name
    assert checksums(world) == before


def test_a_foreign_row_below_ones_own_organization_is_missing(world: World):
    """The organization in the path is one's own, what comes after it is not."""
    before = checksums(world)

    for name in BELOW_ONE:
        answers = [
            world.ask(
                "owner",
                operations()[name],
                body=BODIES.get(name),
                path={**world.path_values(whose), "organization_id": world.mine.pk},
            )
            for whose in ("foreign", "missing")
        ]

        assert [answer.status_code for answer in answers] == [404, 404], name
        assert told(answers[0]) == told(answers[1]), name
    assert checksums(world) == before


def test_a_key_of_another_organization_opens_nothing(world: World):
    """Even one with every scope there is: it acts in its own organization, and the rows of others are missing."""
    key = ApiKeyFactory.create(organization=world.mine, scopes=["*", "tollgate:*"])
    world.clients["key"] = APIClient(headers={"Authorization": f"Bearer {key.secret}"})
    before = checksums(world)
    got = {}

    for name in OF_ORGANIZATIONS:
        operation = operations()[name]
        asks_for = {} if operation.has_id else {"X-Organization-Id": str(world.foreign.pk)}
        got[name] = world.ask(
            "key", operation, whose="foreign", body=BODIES.get(name), headers=asks_for
        ).status_code

    assert {name: status for name, status in got.items() if status not in {401, 403, 404}} == {}
    assert checksums(world) == before


def test_such_a_key_opens_its_own_organization(world: World):
    key = ApiKeyFactory.create(organization=world.mine, scopes=["*", "tollgate:*"])
    client = APIClient(headers={"Authorization": f"Bearer {key.secret}"})

    listed = client.get("/api/v1/api-keys")
    mine = client.get(f"/api/v1/organizations/{world.mine.pk}")

    assert (listed.status_code, mine.status_code) == (200, 200)
    assert {row["id"] for row in listed.json()["data"]} == {key.pk, world.key.pk}
    assert mine.json()["id"] == world.mine.pk


def told(response):
    """Return what the caller learns: the body to the byte, and the headers but for the running count of calls."""
    headers = {
        name: value
        for name, value in response.headers.items()
        if not name.lower().startswith(("ratelimit", "x-ratelimit"))
    }
    return response.status_code, response.content, headers


def checksums(world):
    """Return a checksum of what belongs to the foreign organization, its owner and its key, table by table."""
    owners = {
        "organization_id": world.foreign.pk,
        "user_id": world.people["stranger"].pk,
        "api_key_id": world.foreign_key.pk,
    }
    own_rows = [
        ("organizations_organization", "id", world.foreign.pk),
        ("accounts_user", "id", world.people["stranger"].pk),
        ("apikeys_apikey", "id", world.foreign_key.pk),
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = ANY(%s)",
            [list(owners)],
        )
        parts = [*own_rows, *((table, column, owners[column]) for table, column in cursor)]
        sums = {
            (table, column): _checksum(cursor, table, column, pk) for table, column, pk in parts
        }
    assert len(sums) > 30
    return sums


def _checksum(cursor, table, column, pk):
    cursor.execute(
        f"SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM \"{table}\" t "  # noqa: S608  names from the catalogue
        f'WHERE "{column}"::text = %s',
        [str(pk)],
    )
    return cursor.fetchone()[0]


def test_the_checksums_see_a_change(world: World):
    before = checksums(world)

    type(world.foreign).objects.filter(pk=world.foreign.pk).update(tax_id="X")
    world.people["stranger"].sessions.update(user_agent="X")

    after = checksums(world)
    changed = {part for part in before if before[part] != after[part]}
    assert changed == {("organizations_organization", "id"), ("accounts_session", "user_id")}
