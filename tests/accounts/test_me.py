"""GET and PATCH /api/v1/users/me, and the sessions of the person who asks."""

import pytest
from django.utils import timezone

from accounts.models import Session, User
from accounts.services import sessions
from audit.models import AuditLog

ME = "/api/v1/users/me"
SESSIONS = f"{ME}/sessions"


def test_says_who_asks(api_as, olivia):
    response = api_as(olivia).get(ME)

    assert response.status_code == 200
    me = response.json()
    assert set(me) == {
        "id",
        "email",
        "email_verified",
        "email_verified_at",
        "full_name",
        "role",
        "status",
        "time_zone",
        "metadata",
        "avatar_url",
        "deletion_due_at",
        "last_login_at",
        "created_at",
        "updated_at",
    }
    assert (me["id"], me["email"], me["role"]) == (olivia.pk, "olivia@example.com", "USER")
    assert me["email_verified_at"] == "2026-01-05T09:12:00Z"


def test_refuses_nobody(api):
    response = api.get(ME)

    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


def test_changes_what_is_sent(api_as, olivia):
    response = api_as(olivia).patch(ME, {"time_zone": "Europe/Paris", "metadata": {"team": [1]}})

    assert response.status_code == 200
    assert response.json()["time_zone"] == "Europe/Paris"
    assert response.json()["full_name"] == "Olivia Owner"
    olivia.refresh_from_db()
    assert (olivia.time_zone, olivia.metadata) == ("Europe/Paris", {"team": [1]})
    entry = AuditLog.objects.get(event="user.updated")
    assert entry.old_values == {"time_zone": "UTC", "metadata": {}}
    assert entry.new_values == {"time_zone": "Europe/Paris", "metadata": {"team": [1]}}


def test_changes_nothing_when_nothing_is_new(api_as, olivia):
    client = api_as(olivia)

    assert client.patch(ME, {}).status_code == 200
    assert client.patch(ME, {"full_name": "Olivia Owner"}).status_code == 200
    assert not AuditLog.objects.filter(event="user.updated").exists()


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"role": "SUPER_ADMIN"}, "#/role", "unknown_member"),
        ({"status": "ACTIVE"}, "#/status", "unknown_member"),
        ({"email": "new@example.com"}, "#/email", "unknown_member"),
        ({"credits_micro": 10}, "#/credits_micro", "unknown_member"),
        ({"session_version": 9}, "#/session_version", "unknown_member"),
        ({"time_zone": "Europe/Atlantis"}, "#/time_zone", "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "#/time_zone", "time_zone"),
        ({"time_zone": "localtime"}, "#/time_zone", "time_zone"),
        ({"time_zone": "Factory"}, "#/time_zone", "time_zone"),
        ({"full_name": "a" * 151}, "#/full_name", "max_length"),
        ({"full_name": "see http://evil.example"}, "#/full_name", "full_name"),
        ({"metadata": []}, "#/metadata", "not_a_dict"),
        ({"metadata": {"x": "y" * 10_000}}, "#/metadata", "too_large"),
    ],
)
def test_refuses_what_a_person_may_not_change(api_as, olivia, body, pointer, code):
    before = User.objects.values().get(pk=olivia.pk)
    client = api_as(olivia)

    response = client.patch(ME, body)

    assert response.status_code == 400
    assert [(e["pointer"], e["code"]) for e in response.json()["errors"]] == [(pointer, code)]
    after = User.objects.values().get(pk=olivia.pk)
    assert {name: value for name, value in after.items() if "login" not in name} == {
        name: value for name, value in before.items() if "login" not in name
    }


def test_refuses_unknown_query_parameters(api_as, olivia):
    response = api_as(olivia).get(f"{ME}?fields=id")

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "#/fields"


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_refuses_other_methods(api_as, olivia, method):
    assert getattr(api_as(olivia), method)(ME).status_code == 405


def test_lists_where_one_is_signed_in(api_as, portal_as, olivia, stan):
    portal_as(olivia)
    client = api_as(olivia)
    api_as(stan)

    response = client.get(SESSIONS)

    assert response.status_code == 200
    page = response.json()
    assert set(page) == {"data", "next_cursor", "prev_cursor", "has_more"}
    assert [(row["kind"], row["is_current"]) for row in page["data"]] == [
        ("API", True),
        ("PORTAL", False),
    ]
    assert set(page["data"][0]) == {
        "id",
        "kind",
        "method",
        "second_factor_at",
        "device_id",
        "ip",
        "user_agent",
        "authenticated_at",
        "last_used_at",
        "expires_at",
        "created_at",
        "is_current",
    }


def test_lists_no_ended_or_expired_sessions(api_as, olivia, clock):
    sessions.start(user=olivia, at=timezone.now())
    clock.shift(15 * 24 * 3600)
    sessions.start(user=olivia, at=timezone.now())
    sessions.end(user=olivia, session_id=Session.objects.latest("id").pk)
    client = api_as(olivia)

    assert [row["is_current"] for row in client.get(SESSIONS).json()["data"]] == [True]


def test_pages_through_sessions(api_as, olivia):
    client = api_as(olivia)
    for _ in range(4):
        sessions.start(user=olivia, at=timezone.now())

    first = client.get(f"{SESSIONS}?limit=3").json()
    second = client.get(f"{SESSIONS}?limit=3&cursor={first['next_cursor']}").json()

    assert (len(first["data"]), first["has_more"]) == (3, True)
    assert (len(second["data"]), second["has_more"]) == (2, False)


@pytest.mark.parametrize("count", [1, 20])
def test_listing_sessions_costs_two_queries(api_as, olivia, django_assert_num_queries, count):
    client = api_as(olivia)
    for _ in range(count):
        sessions.start(user=olivia, at=timezone.now())

    with django_assert_num_queries(2):
        assert client.get(SESSIONS).status_code == 200


def test_ends_a_session(api_as, olivia):
    client, other = api_as(olivia), api_as(olivia)
    ended = Session.objects.latest("id")

    response = client.delete(f"{SESSIONS}/{ended.pk}")

    assert (response.status_code, response.content) == (204, b"")
    assert other.get(ME).status_code == 401
    assert client.get(ME).status_code == 200
    ended.refresh_from_db()
    assert ended.ended_reason == "ended_by_user"


def test_a_foreign_session_looks_like_a_missing_one(api_as, olivia, stan):
    client = api_as(olivia)
    api_as(stan)
    foreign = Session.objects.latest("id")

    answers = [client.delete(f"{SESSIONS}/{pk}") for pk in (foreign.pk, 10**9, 10**30)]

    bodies = [answer.json() for answer in answers]
    for body in bodies:
        del body["request_id"], body["instance"]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert bodies[0] == bodies[1] == bodies[2]
    foreign.refresh_from_db()
    assert foreign.ended_at is None


def test_an_ended_session_cannot_be_ended_again(api_as, olivia):
    client = api_as(olivia)
    api_as(olivia)
    path = f"{SESSIONS}/{Session.objects.latest('id').pk}"

    assert [client.delete(path).status_code for _ in range(2)] == [204, 404]


def test_the_portals_cookie_works_with_its_csrf_token_only(portal_as, olivia):
    client = portal_as(olivia)
    client.handler.enforce_csrf_checks = True

    read = client.get(ME)
    changed = client.patch(ME, {"full_name": "Mallory"}, content_type="application/json")

    assert (read.status_code, read.json()["id"]) == (200, olivia.pk)
    assert changed.status_code == 403
    olivia.refresh_from_db()
    assert olivia.full_name == "Olivia Owner"
