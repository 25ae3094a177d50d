"""The portal's pages of the log: what happened, filtered, one entry with its changes, and the download."""

import csv
import io

import pytest

from audit.models import AuditLog
from config.common import context
from organizations import access
from organizations.models import Role
from organizations.services import members, organizations, suspension

pytestmark = pytest.mark.django_db
LOG = "/audit-log/"


@pytest.fixture
def changed(organization, adam):
    here = context.Context(
        actor=adam.as_actor(), ip="203.0.113.7", user_agent="curl/8", request_id="request-0001"
    )
    with context.use(here):
        organizations.update_organization(organization=organization, changes={"name": "<b>Acme"})
    return AuditLog.objects.get(event="organization.updated")


@pytest.fixture
def page(portal_as, olivia):
    return portal_as(olivia)


def text_of(response):
    assert response.status_code == 200
    return response.content.decode()


def entries_of(response):
    assert response.status_code == 200
    return [row.entry["action"] for row in response.context["entries"]]


def test_entries_are_listed_with_who_and_where(page, changed):
    text = text_of(page.get(LOG))

    for part in ("Organization settings changed", "adam@example.com", "203.0.113.7"):
        assert part in text
    assert f"{LOG}{changed.pk}/" in text


def test_an_entry_shows_what_was_and_what_is(page, changed):
    text = text_of(page.get(f"{LOG}{changed.pk}/"))

    assert "Olivia&#x27;s organization" in text
    assert "&lt;b&gt;Acme" in text
    assert "<b>Acme" not in text
    assert "request-0001" in text


def test_an_entry_names_people_and_tells_its_time_in_full(page, organization, vera):
    tenant = access.on_behalf_of(organization)
    with context.command("add_member"):
        members.change_role(tenant=tenant, user_id=vera.pk, role=Role.ADMIN)

    entry = AuditLog.objects.get(event="member.role_changed")
    for text in (text_of(page.get(LOG)), text_of(page.get(f"{LOG}{entry.pk}/"))):
        assert "Role of vera@example.com changed" in text
        assert "Operator&#x27;s command add_member" in text
    assert f"{entry.occurred_at:%d %b %Y, %H:%M:%S} UTC" in text


def test_what_staff_did_is_marked(page, sam, organization):
    with context.use(context.Context(actor=context.Actor("staff", sam.pk, sam.email))):
        suspension.suspend(organization=organization, reason="unpaid")

    entry = AuditLog.objects.get(event="organization.suspended")
    for text in (text_of(page.get(LOG)), text_of(page.get(f"{LOG}{entry.pk}/"))):
        assert "taff" in text
        assert sam.email not in text


@pytest.mark.parametrize(
    ("filters", "actions"),
    [
        ({"action": "organization.updated"}, ["organization.updated"]),
        ({"actor_type": "user", "request_id": "request-0001"}, ["organization.updated"]),
        ({"request_id": "request-0002"}, []),
        ({"since": "2001-01-01", "action": "organization.updated"}, ["organization.updated"]),
        ({"until": "2001-01-01"}, []),
        ({"until": "9999-12-31", "action": "organization.updated"}, ["organization.updated"]),
        ({"action": "nothing.happened", "request_id": "request-0001"}, ["organization.updated"]),
    ],
)
def test_filters_and_what_is_none(page, changed, filters, actions):
    assert entries_of(page.get(LOG, filters)) == actions


def test_days_are_whole(page, changed):
    day = changed.occurred_at.date().isoformat()

    found = page.get(LOG, {"since": day, "until": day, "action": "organization.updated"})

    assert entries_of(found) == ["organization.updated"]


def test_nothing_that_matches_says_so(page, changed):
    assert "No entry matches" in text_of(page.get(LOG, {"request_id": "request-0002"}))


def test_the_download_follows_the_filters_and_is_an_entry(page, changed, olivia):
    listed = page.get(LOG, {"action": "organization.updated"})
    (label, query) = listed.context["copies"][0]

    response = page.get(f"{LOG}export/{query}")
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))

    assert label == "CSV"
    assert [row["action"] for row in rows] == ["organization.updated"]
    assert response["Content-Disposition"] == 'attachment; filename="audit-log.csv"'
    entry = AuditLog.objects.get(event="audit_log.exported")
    assert (entry.actor_id, entry.ip) == (olivia.pk, "127.0.0.1")


@pytest.mark.parametrize("name", ["mia", "vera"])
def test_others_are_kept_out(portal_as, changed, name, request):
    client = portal_as(request.getfixturevalue(name))

    for path in (LOG, f"{LOG}{changed.pk}/", f"{LOG}export/"):
        assert client.get(path).status_code == 403
    assert not AuditLog.objects.filter(event="audit_log.exported").exists()


def test_a_foreign_entry_is_not_found(portal_as, stan, changed):
    assert portal_as(stan).get(f"{LOG}{changed.pk}/").status_code == 404
    assert portal_as(stan).get(f"{LOG}{10**15}/").status_code == 404


def test_the_number_of_queries_does_not_grow(page, changed, organization, count_queries):
    few = count_queries(page, LOG)
    for number in range(20):
        organizations.update_organization(
            organization=organization, changes={"metadata": {"number": number}}
        )

    assert count_queries(page, LOG) == few
