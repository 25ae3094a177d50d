"""The staff API of people: who may, list and search, change."""

import threading
import time
from datetime import UTC, datetime

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import PlatformRole, User
from accounts.services import sessions
from audit.models import AuditLog, SecurityEvent
from tests.accounts.staffing import staff_client
from tests.factories.accounts import PasskeyFactory, UserFactory
from tests.factories.apikeys import ApiKeyFactory
from tests.factors import enroll
from tests.patience import within_one

pytestmark = pytest.mark.django_db
URL = "/api/v1/admin/users"


def emails(client, query=""):
    response = client.get(URL + query)
    assert response.status_code == 200, response.content
    return [row["email"] for row in response.json()["data"]]


@pytest.mark.parametrize("role", [PlatformRole.USER, PlatformRole.VIEWER])
def test_is_closed_to_who_is_no_staff(role, olivia):
    within_one("minute", seconds=10)
    person = UserFactory.create(role=role)
    client = staff_client(person)
    asked = [
        client.get(URL),
        client.get(f"{URL}/{olivia.pk}"),
        client.patch(f"{URL}/{olivia.pk}", {"full_name": "X"}),
        client.post(f"{URL}/{olivia.pk}/suspend", {"reason": "x"}),
        client.post(f"{URL}/{olivia.pk}/reinstate"),
    ]

    assert [answer.status_code for answer in asked] == [403] * 5
    assert {answer.json()["code"] for answer in asked} == {"forbidden"}
    olivia.refresh_from_db()
    assert (olivia.full_name, olivia.status) == ("Olivia Owner", "ACTIVE")
    noted = SecurityEvent.objects.get(name="authz_fail")
    assert (noted.user_id, noted.count) == (person.pk, 5)


def test_needs_a_second_factor_as_the_back_office_does(api_as, sam, olivia):
    client = api_as(sam)

    refused = [client.get(URL), client.post(f"{URL}/{olivia.pk}/suspend", {"reason": "x"})]

    assert [answer.status_code for answer in refused] == [403, 403]
    assert {answer.json()["code"] for answer in refused} == {"second_factor_required"}
    olivia.refresh_from_db()
    assert olivia.status == "ACTIVE"


def test_nobody_and_keys_are_nobody(api, organization, olivia):
    key = ApiKeyFactory.create(organization=organization, created_by=olivia, scopes=["*"])
    client = APIClient(headers={"Authorization": f"Bearer {key.secret}"})

    assert (api.get(URL).status_code, client.get(URL).status_code) == (401, 401)


def test_opens_to_the_portals_cookie_with_its_token(portal_as, sam):
    assert portal_as(sam).get(URL).status_code == 200


def test_a_suspended_admin_is_out_at_once(as_ada, as_sam, ada):
    assert as_ada.get(URL).status_code == 200

    as_sam.post(f"{URL}/{ada.pk}/suspend", {"reason": "left"})

    assert as_ada.get(URL).status_code == 401


def test_a_demoted_admin_is_out_at_once(as_ada, as_sam, ada):
    as_sam.patch(f"{URL}/{ada.pk}", {"role": "USER"})

    assert as_ada.get(URL).status_code == 403


def test_is_for_the_operators_networks(as_sam, settings):
    settings.OPERATOR_ALLOWLIST = ["192.0.2.0/24"]

    assert as_sam.get(URL).status_code == 404


def test_lists_people_newest_first_with_what_staff_needs(clock, as_sam, sam):
    clock.shift(60)
    nora = UserFactory.create(email="nora@example.com", full_name="Nora")
    enroll(nora)

    listed = as_sam.get(URL).json()["data"]

    assert [row["email"] for row in listed] == ["nora@example.com", "sam@example.com"]
    assert listed[0] == {
        "id": nora.pk,
        "email": "nora@example.com",
        "email_verified": True,
        "email_verified_at": "2026-01-05T09:12:00Z",
        "full_name": "Nora",
        "role": "USER",
        "status": "ACTIVE",
        "time_zone": "UTC",
        "metadata": {},
        "avatar_url": None,
        "deletion_due_at": None,
        "last_login_at": None,
        "created_at": "2026-03-02T09:01:00Z",
        "updated_at": "2026-03-02T09:01:00Z",
        "two_factor": True,
        "suspended_reason": "",
        "suspended_until": None,
        "last_login_ip": None,
        "login_count": 0,
    }
    assert as_sam.get(f"{URL}/{nora.pk}").json() == listed[0]


def test_searches_and_filters(as_sam, sam):
    day = datetime(2020, 5, 1, tzinfo=UTC)
    ann = UserFactory.create(email="ann@acme.example", full_name="Ann Percent%", role="VIEWER")
    bob = UserFactory.create(email="bob@acme.example", email_verified_at=None)
    cleo = UserFactory.create(email="cleo@other.example", full_name="Cleo ACME", status="SUSPENDED")
    User.objects.filter(pk=bob.pk).update(created_at=day, last_login=timezone.now())
    PasskeyFactory.create(user=cleo)

    def found(query):
        return set(emails(as_sam, query)) - {sam.email}

    everybody = {ann.email, bob.email, cleo.email}
    assert found("?q=acme") == everybody
    assert found("?q=ACME.example") == {ann.email, bob.email}
    assert found("?q=%25") == {ann.email}
    assert found("?role=VIEWER") == {ann.email}
    assert found("?status=SUSPENDED") == {cleo.email}
    assert found("?verified=false") == {bob.email}
    assert found("?two_factor=true") == {cleo.email}
    assert found("?two_factor=false&verified=true") == {ann.email}
    assert found("?until=2020-05-02T00:00:00Z") == {bob.email}
    assert found("?since=2020-05-02T00:00:00Z") == {ann.email, cleo.email}
    assert found("?seen_since=2026-01-01T00:00:00Z") == {bob.email}


@pytest.mark.parametrize(
    "query", ["?role=KING", "?verified=perhaps", "?search=x", "?since=monday", "?q=a&q=b"]
)
def test_refuses_filters_it_does_not_know(as_sam, query):
    response = as_sam.get(URL + query)

    assert response.status_code == 400
    assert response.json()["errors"][0]["location"] == "query"


def test_pages_with_cursors_bound_to_the_filters(as_sam):
    UserFactory.create_batch(3, role="VIEWER")
    first = as_sam.get(f"{URL}?role=VIEWER&limit=2").json()

    rest = as_sam.get(f"{URL}?role=VIEWER&limit=2&cursor={first['next_cursor']}").json()

    assert (len(first["data"]), len(rest["data"]), rest["has_more"]) == (2, 1, False)
    assert as_sam.get(f"{URL}?cursor={first['next_cursor']}").status_code == 400


def test_a_missing_person_is_missing(as_sam):
    missing = f"{URL}/8000000000000000000"

    assert as_sam.get(missing).status_code == 404
    assert as_sam.patch(missing, {"full_name": "X"}).status_code == 404
    assert as_sam.post(f"{missing}/suspend", {"reason": "x"}).status_code == 404
    assert as_sam.post(f"{missing}/reinstate").status_code == 404


def test_changes_a_profile_and_vouches_for_the_address(as_ada, ada, olivia):
    User.objects.filter(pk=olivia.pk).update(email_verified_at=None)

    response = as_ada.patch(
        f"{URL}/{olivia.pk}", {"full_name": "Olivia O.", "email_verified": True}
    )

    assert response.status_code == 200
    assert (response.json()["full_name"], response.json()["email_verified"]) == ("Olivia O.", True)
    entries = AuditLog.objects.filter(actor_id=ada.pk).values_list("event", flat=True)
    assert {"user.updated", "user.email_verified"} <= set(entries)


@pytest.mark.parametrize(
    "body",
    [
        {"email": "x@example.com"},
        {"status": "DELETED"},
        {"suspended_reason": "x"},
        {"password": "x"},
        {"is_superuser": True},
        {"login_count": 1},
        {"role": "KING"},
        {"email_verified": False},
        {"full_name": "<b>"},
        {"metadata": {"x": "y" * 10_000}},
    ],
)
def test_changes_nothing_else(as_sam, olivia, body):
    before = User.objects.filter(pk=olivia.pk).values().get()

    assert as_sam.patch(f"{URL}/{olivia.pk}", body).status_code == 400

    assert User.objects.filter(pk=olivia.pk).values().get() == before


@pytest.mark.parametrize(
    "body", [{"full_name": "Olivia"}, {"role": "ADMIN"}, {"email_verified": True}]
)
def test_writes_nothing_about_whoever_is_gone(as_sam, portal_as, sam, olivia, body):
    User.objects.filter(pk=olivia.pk).update(status="DELETED", full_name="")
    before = User.objects.filter(pk=olivia.pk).values().get()

    refused = as_sam.patch(f"{URL}/{olivia.pk}", body)
    page = portal_as(sam).get(f"/admin/accounts/user/{olivia.pk}/change/")

    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert (page.status_code, page.context["has_change_permission"]) == (200, False)
    assert User.objects.filter(pk=olivia.pk).values().get() == before


def test_changes_all_or_nothing(as_sam, sam):
    response = as_sam.patch(f"{URL}/{sam.pk}", {"full_name": "King Sam", "role": "ADMIN"})

    assert (response.status_code, response.json()["code"]) == (409, "cannot_change_role")
    sam.refresh_from_db()
    assert (sam.full_name, sam.role) == ("Sam Staff", "SUPER_ADMIN")


def test_sorts_by_what_it_allows(as_sam):
    for name in ("b", "c", "a"):
        UserFactory.create(email=f"{name}@example.com", role="VIEWER")
    only = "?role=VIEWER&limit=2"

    def shown(path):
        page = as_sam.get(path).json()
        return "".join(row["email"][0] for row in page["data"]), page

    def pages(order):
        path = f"{URL}{only}&ordering={order}"
        first, page = shown(path)
        second, rest = shown(f"{path}&cursor={page['next_cursor']}")
        back, _ = shown(f"{path}&cursor={rest['prev_cursor']}")
        return first, second, back

    assert pages("email") == ("ab", "c", "ab")
    assert pages("-email") == ("cb", "a", "cb")
    assert pages("created_at") == ("bc", "a", "bc")
    assert pages("-created_at") == ("ac", "b", "ac")
    assert as_sam.get(f"{URL}?ordering=password").status_code == 400
    cursor = as_sam.get(f"{URL}{only}&ordering=email").json()["next_cursor"]
    assert as_sam.get(f"{URL}{only}&ordering=-email&cursor={cursor}").status_code == 400


def test_a_change_can_insist_on_what_was_read(as_sam, olivia):
    path = f"{URL}/{olivia.pk}"
    tag = as_sam.get(path)["ETag"]
    sessions.start(user=olivia, at=timezone.now())

    first = as_sam.patch(path, {"full_name": "First"}, headers={"If-Match": tag})
    second = as_sam.patch(path, {"full_name": "Second"}, headers={"If-Match": tag})

    assert (first.status_code, second.status_code) == (200, 412)
    olivia.refresh_from_db()
    assert olivia.full_name == "First"


@pytest.mark.django_db(transaction=True)
def test_who_insists_on_what_was_read_waits_for_who_changes_it(as_sam, olivia):
    path = f"{URL}/{olivia.pk}"
    tag = as_sam.get(path)["ETag"]
    answers = []

    def insist():
        answers.append(as_sam.patch(path, {"full_name": "Late"}, headers={"If-Match": tag}))
        connection.close()

    with psycopg.connect(settings.DATABASE_URL) as other:
        other.execute("UPDATE accounts_user SET full_name = 'First' WHERE id = %s", [olivia.pk])
        late = threading.Thread(target=insist)
        late.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        while other.execute(waiting).fetchone() == (0,):
            time.sleep(0.01)
    late.join()

    olivia.refresh_from_db()
    assert ([answer.status_code for answer in answers], olivia.full_name) == ([412], "First")
