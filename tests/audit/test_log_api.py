"""The log over REST: read by those who may, filtered, one by one, and copied as files that no spreadsheet runs."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys.services import keys
from audit.models import AuditLog
from billing.models import Plan
from config.common import context
from organizations.services import organizations, suspension
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db
LOG = "/api/v1/audit-log"


@pytest.fixture
def changed(api_as, organization, adam):
    api_as(adam).patch(
        f"/api/v1/organizations/{organization.pk}",
        {"name": "Acme"},
        HTTP_X_REQUEST_ID="request-0001",
        HTTP_USER_AGENT="curl/8",
    )
    return AuditLog.objects.get(event="organization.updated")


def listed(client, **filters):
    response = client.get(LOG, filters)
    assert response.status_code == 200, response.data
    return response.json()["data"]


def test_an_entry_says_who_did_what_to_what(api_as, organization, olivia, adam, changed):
    response = api_as(olivia).get(f"{LOG}/{changed.pk}")

    assert response.status_code == 200
    at = response.json()["occurred_at"]
    assert response.json() == {
        "id": changed.pk,
        "occurred_at": at,
        "action": "organization.updated",
        "summary": "organization settings changed",
        "actor": {"type": "user", "id": adam.pk, "label": "adam@example.com"},
        "target": {"type": "organization", "id": organization.pk},
        "old_values": {"name": "Olivia's organization"},
        "new_values": {"name": "Acme"},
        "details": changed.data,
        "ip": "127.0.0.1",
        "user_agent": "curl/8",
        "request_id": "request-0001",
    }


def test_the_newest_entry_comes_first(api_as, olivia, changed):
    rows = listed(api_as(olivia))

    places = [(row["occurred_at"], row["id"]) for row in rows]
    assert places == sorted(places, reverse=True)
    assert rows[0]["id"] == changed.pk


@pytest.mark.parametrize("name", ["mia", "vera"])
def test_it_is_for_those_who_may_read_it(api_as, organization, name, request):
    client = api_as(request.getfixturevalue(name))
    before = AuditLog.objects.filter(event="audit_log.exported").count()

    for path in (LOG, f"{LOG}/export", f"{LOG}/1"):
        assert client.get(path).status_code == 403

    assert AuditLog.objects.filter(event="audit_log.exported").count() == before


def test_a_foreign_entry_is_as_good_as_none(api_as, stan, changed):
    foreign = api_as(stan).get(f"{LOG}/{changed.pk}", HTTP_X_REQUEST_ID="request-0002")
    missing = api_as(stan).get(f"{LOG}/{10**15}", HTTP_X_REQUEST_ID="request-0002")

    assert foreign.status_code == missing.status_code == 404
    assert foreign.json() == {**missing.json(), "instance": foreign.json()["instance"]}
    assert changed.pk not in [row["id"] for row in listed(api_as(stan))]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"action": "organization.updated"}, 1),
        ({"action": "organization.suspended"}, 0),
        ({"request_id": "request-0001"}, 1),
        ({"request_id": "request-000"}, 0),
        ({"actor_type": "user", "request_id": "request-0001"}, 1),
        ({"actor_type": "job"}, 0),
        ({"actor_id": "999999999"}, 0),
        ({"target_type": "organization", "action": "organization.updated"}, 1),
        ({"target_id": "1000000000", "action": "organization.updated"}, 0),
        ({"until": "2001-01-01T00:00:00Z"}, 0),
        ({"since": "2001-01-01T00:00:00Z", "action": "organization.updated"}, 1),
    ],
)
def test_filters(api_as, olivia, changed, filters, count):
    assert len(listed(api_as(olivia), **filters)) == count


@pytest.mark.parametrize(
    ("filters", "pointer"),
    [
        ({"actions": "organization.updated"}, "#/actions"),
        ({"action": "nothing.happened"}, "#/action"),
        ({"since": "yesterday"}, "#/since"),
        ({"actor_id": str(2**63)}, "#/actor_id"),
        ({"target_type": "a\0b"}, "#/target_type"),
    ],
)
def test_filters_that_are_none_are_refused(api_as, olivia, changed, filters, pointer):
    response = api_as(olivia).get(LOG, filters)

    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_a_cursor_leads_through_the_log(api_as, olivia, organization):
    for number in range(5):
        organizations.update_organization(
            organization=organization, changes={"metadata": {"number": number}}
        )
    client, seen = api_as(olivia), []
    cursor: dict[str, str] = {}
    wanted = {"action": "organization.updated", "limit": 2}
    while True:
        page = client.get(LOG, {**wanted, **cursor}).json()
        seen += [row["new_values"]["metadata"]["number"] for row in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert seen == [4, 3, 2, 1, 0]


def test_what_staff_did_is_seen_and_nobody_of_them_named(
    portal_as, api_as, sam, olivia, organization
):
    with context.use(
        context.Context(
            actor=context.Actor(type="staff", id=sam.pk, label=sam.email),
            ip="198.51.100.9",
            user_agent="Staff browser",
            request_id="request-0003",
        )
    ):
        suspension.suspend(organization=organization, reason="unpaid")

    (row,) = listed(api_as(olivia), actor_type="staff")

    assert row["action"] == "organization.suspended"
    assert row["actor"] == {"type": "staff", "id": None, "label": "Tollgate staff"}
    assert (row["ip"], row["user_agent"], row["request_id"]) == (None, "", "request-0003")
    assert (row["old_values"], row["new_values"]) == (
        {"status": "ACTIVE"},
        {"status": "SUSPENDED"},
    )
    assert listed(api_as(olivia), actor_id=str(sam.pk)) == []


def test_a_staff_members_address_is_in_no_copy(api_as, sam, olivia, organization):
    with context.use(context.Context(actor=context.Actor("staff", sam.pk, sam.email))):
        suspension.suspend(organization=organization, reason="unpaid")

    for file_format in ("csv", "jsonl"):
        assert sam.email.encode() not in exported(api_as(olivia), file_format=file_format)


def test_it_goes_back_as_far_as_the_plan_shows(api_as, olivia, changed, time_machine):
    client_at = {}
    Plan.objects.filter(code="FREE").update(audit_retention_days=30)
    for days in (29, 31):
        time_machine.move_to(changed.occurred_at + timedelta(days=days))
        client = api_as(olivia)
        client_at[days] = (
            client.get(f"{LOG}/{changed.pk}").status_code,
            [row["id"] for row in listed(client, action="organization.updated")],
            str(changed.pk).encode() in exported(client, action="organization.updated"),
        )

    assert client_at == {29: (200, [changed.pk], True), 31: (404, [], False)}


def exported(client, **filters):
    response = client.get(f"{LOG}/export", filters)
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def test_a_csv_file_has_the_rows_of_the_list(api_as, olivia, changed):
    rows = listed(api_as(olivia))
    response = api_as(olivia).get(f"{LOG}/export")
    content = b"".join(response.streaming_content)

    read = list(csv.DictReader(io.StringIO(content.decode(), newline="")))

    assert response["Content-Type"] == "text/csv"
    assert response["Content-Disposition"] == 'attachment; filename="audit-log.csv"'
    assert response["Cache-Control"] == "private, no-store"
    # The copy itself, and two more sign-ins, which are nobody's but the person's.
    assert read[0]["action"] == "audit_log.exported"
    assert [int(row["id"]) for row in read[1:]] == [row["id"] for row in rows]
    by_id = {row["id"]: row for row in read}
    assert json.loads(by_id[str(changed.pk)]["new_values"]) == {"name": "Acme"}
    assert by_id[str(changed.pk)]["actor_label"] == "adam@example.com"


def test_json_lines_hold_the_same(api_as, olivia, changed):
    content = exported(api_as(olivia), file_format="jsonl", action="organization.updated")

    (row,) = [json.loads(line) for line in content.splitlines()]

    assert row["id"] == changed.pk
    assert row["old_values"] == {"name": "Olivia's organization"}
    assert row["occurred_at"].endswith("Z")


def test_no_cell_is_a_formula(api_as, olivia, organization):
    for name in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\uff1d1"):
        key = ApiKeyFactory.create(organization=organization, name=name)
        keys.revoke_key(key=key, at=timezone.now())
    with context.use(context.Context(user_agent="=HYPERLINK(1)", request_id="-x-12345")):
        suspension.suspend(organization=organization, reason="=cmd|' /C calc'!A0")

    read = list(csv.reader(io.StringIO(exported(api_as(olivia)).decode(), newline="")))

    cells = [cell for line in read for cell in line]
    assert not [cell for cell in cells if cell.startswith(tuple("=+-@\t\r\uff1d"))]
    assert "'=HYPERLINK(1)" in cells
    assert "'-x-12345" in cells


def test_a_copy_is_an_entry(api_as, olivia, changed):
    exported(api_as(olivia), file_format="jsonl", action="organization.updated")

    entry = AuditLog.objects.get(event="audit_log.exported")
    assert (entry.actor_id, entry.organization_id) == (olivia.pk, changed.organization_id)
    assert entry.data["file_format"] == "jsonl"
    assert entry.data["filters"] == {"action": "organization.updated"}


def test_a_large_log_is_sent_piece_by_piece(api_as, olivia, organization):
    for number in range(230):
        organizations.update_organization(
            organization=organization, changes={"metadata": {"number": number}}
        )

    response = api_as(olivia).get(f"{LOG}/export", {"action": "organization.updated"})
    pieces = list(response.streaming_content)

    assert [piece.count(b"\r\n") for piece in pieces] == [100, 100, 31]


def test_a_client_that_asks_for_csv_gets_it(api_as, olivia, changed):
    response = api_as(olivia).get(f"{LOG}/export", HTTP_ACCEPT="text/csv")

    assert response.status_code == 200
