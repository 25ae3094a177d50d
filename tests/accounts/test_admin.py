"""The back office: people, sessions and mail; actions go through the services and are audited with the staff's name."""

import pytest
from django.contrib.admin import site
from django.db.models import Field
from django.urls import reverse
from django.utils import timezone

from accounts.models import (
    DataExport,
    Device,
    EmailChange,
    PlatformRole,
    Session,
    TotpDevice,
    User,
    UserStatus,
)
from accounts.services import sessions
from audit.models import AuditLog
from config.common import mail
from config.common.changes import is_secret
from config.common.models import OutgoingMail
from tests.factories.accounts import UserFactory
from tests.factors import enroll

USERS = "/admin/accounts/user/"
LISTS = [
    USERS,
    "/admin/accounts/session/",
    "/admin/accounts/device/",
    "/admin/accounts/totpdevice/",
    "/admin/accounts/dataexport/",
    "/admin/accounts/emailchange/",
    "/admin/common/outgoingmail/",
]
NOT_TO_BE_SUSPENDED = (
    "The account is not active, is a super admin's, or is your own. "
    "Look at the account's status; a super admin has to be given another role first, by somebody else."
)


@pytest.fixture
def staff(portal_as, sam):
    """Return the browser of a super admin."""
    return portal_as(sam)


@pytest.fixture
def ada(db):
    """Return staff that is no super admin."""
    return UserFactory.create(email="ada@example.com", role=PlatformRole.ADMIN)


def _act(client, action, *people, **fields):
    body = {"action": action, "_selected_action": [person.pk for person in people], **fields}
    response = client.post(USERS, body, follow=True)
    return [str(message) for message in response.context["messages"]]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("who", ["nobody", "owner", "viewer"])
def test_lets_only_staff_in(portal, portal_as, olivia, path, who):
    viewer = UserFactory.create(role=PlatformRole.VIEWER)
    client = {"nobody": portal, "owner": portal_as(olivia), "viewer": portal_as(viewer)}[who]

    assert client.get(path)["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("who", ["sam", "ada"])
def test_lists_and_rows_can_be_read(request, portal_as, olivia, who):
    client = portal_as(request.getfixturevalue(who))
    message = mail.send("accounts/welcome", to=olivia.email, values={"user": olivia})
    app = enroll(olivia)
    rows = {
        "accounts_user": olivia.pk,
        "accounts_session": Session.objects.get().pk,
        "common_outgoingmail": message.pk,
        "accounts_device": Device.objects.latest("id").pk,
        "accounts_totpdevice": TotpDevice.objects.get(user=olivia).pk,
        "accounts_dataexport": DataExport.objects.create(user=olivia).pk,
        "accounts_emailchange": EmailChange.objects.create(
            user=olivia,
            old_email=olivia.email,
            new_email="olivia@elsewhere.example",
            expires_at=timezone.now(),
        ).pk,
    }
    for name, pk in rows.items():
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200
        page = client.get(reverse(f"admin:{name}_change", args=[pk]))
        assert page.status_code == 200
        assert message.body_encrypted not in page.content.decode()
        assert app.seed.hex() not in page.content.decode()
        assert TotpDevice.objects.get().seed_encrypted not in page.content.decode()


@pytest.mark.parametrize("path", LISTS)
def test_lists_cost_as_many_queries_for_one_row_as_for_many(
    staff, olivia, path, django_assert_max_num_queries
):
    staff.get(path)
    with django_assert_max_num_queries(12) as few:
        staff.get(path)
    for _ in range(10):
        sessions.start(user=UserFactory.create(), at=timezone.now())
        mail.send("accounts/welcome", to=olivia.email, values={"user": olivia})
        enroll(UserFactory.create())
    with django_assert_max_num_queries(12) as many:
        staff.get(path)

    assert len(many) == len(few)


@pytest.mark.parametrize("path", LISTS)
def test_adds_and_deletes_nothing(staff, olivia, path):
    assert staff.get(f"{path}add/").status_code == 403
    assert staff.post(f"{USERS}{olivia.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=olivia.pk).exists()


def test_changes_a_profile_and_nothing_else(staff, sam, olivia):
    body = {"full_name": "Olivia O.", "time_zone": "Asia/Tokyo"}
    hostile = {"role": "SUPER_ADMIN", "status": "DELETED", "email": "x@example.com"}

    response = staff.post(f"{USERS}{olivia.pk}/change/", body | hostile)

    assert response.status_code == 302
    olivia.refresh_from_db()
    assert (olivia.full_name, olivia.time_zone) == ("Olivia O.", "Asia/Tokyo")
    assert (olivia.role, olivia.status, olivia.email) == ("USER", "ACTIVE", "olivia@example.com")
    entry = AuditLog.objects.get(event="user.updated")
    assert (entry.actor_id, entry.target_id) == (sam.pk, olivia.pk)


def test_gives_a_person_a_rate_of_their_own(staff, sam, olivia, api_as):
    profile = {"full_name": olivia.full_name, "time_zone": olivia.time_zone}
    rate = {"rate_limit": "2", "rate_per_seconds": "1", "rate_burst": "5"}

    part = staff.post(f"{USERS}{olivia.pk}/change/", profile | rate | {"rate_burst": ""})

    assert "A rate needs its limit, its seconds and its burst" in part.content.decode()
    olivia.refresh_from_db()
    assert olivia.rate_limit is None
    assert not AuditLog.objects.filter(event="user.updated").exists()

    assert staff.post(f"{USERS}{olivia.pk}/change/", profile | rate).status_code == 302

    entry = AuditLog.objects.get(event="user.updated")
    assert (entry.actor_id, entry.target_id) == (sam.pk, olivia.pk)
    assert entry.new_values == {"rate_limit": 2, "rate_per_seconds": 1, "rate_burst": 5}
    answer = api_as(olivia).get("/api/v1/users/me")
    assert answer["RateLimit-Policy"] == '"person";q=5;w=3'
    assert api_as(sam).get("/api/v1/users/me")["RateLimit-Policy"] == '"person";q=600;w=60'


def test_mails_a_link_to_a_new_password(staff, sam, olivia):
    assert _act(staff, "reset_password", olivia) == ["Done: 1."]

    assert OutgoingMail.objects.get(kind="accounts/reset_password").recipient == olivia.email
    assert AuditLog.objects.get(event="user.password_reset_requested").actor_id == sam.pk


def test_suspends_with_a_reason(staff, sam, olivia, api_as):
    client = api_as(olivia)

    messages = _act(staff, "suspend", olivia, reason="card fraud")

    assert messages == ["Done: 1."]
    olivia.refresh_from_db()
    assert (olivia.status, olivia.suspended_reason) == (UserStatus.SUSPENDED, "card fraud")
    assert client.get("/api/v1/users/me").status_code == 401
    entry = AuditLog.objects.get(event="user.suspended")
    assert (entry.actor_id, entry.data["reason"]) == (sam.pk, "card fraud")


def test_suspends_nobody_without_a_reason(staff, olivia):
    assert _act(staff, "suspend", olivia) == ["Give a reason beside the action."]
    assert User.objects.get(pk=olivia.pk).status == UserStatus.ACTIVE


def test_says_why_it_refuses(staff, sam, olivia):
    messages = _act(staff, "suspend", olivia, sam, reason="all of them")

    assert sorted(messages) == [
        "Done: 1.",
        f"sam@example.com: {NOT_TO_BE_SUSPENDED}",
    ]
    assert User.objects.get(pk=sam.pk).status == UserStatus.ACTIVE


def test_reinstates(staff, olivia):
    _act(staff, "suspend", olivia, reason="by mistake")
    _act(staff, "reinstate", olivia)

    olivia.refresh_from_db()
    assert (olivia.status, olivia.suspended_reason) == (UserStatus.ACTIVE, "")
    assert AuditLog.objects.filter(event="user.reinstated").count() == 1


def test_says_so_where_there_is_nothing_to_lift(staff, olivia):
    assert _act(staff, "reinstate", olivia) == [
        f"{olivia}: The account is not suspended. Look at the account's status: there is nothing to lift."
    ]


def test_verifies_an_address(staff, db):
    nora = UserFactory.create(email_verified_at=None)

    _act(staff, "verify_email", nora)

    nora.refresh_from_db()
    assert nora.is_verified_email
    assert AuditLog.objects.filter(event="user.email_verified").count() == 1


def test_ends_sessions(staff, olivia, api_as):
    client = api_as(olivia)

    _act(staff, "end_sessions", olivia)

    assert client.get("/api/v1/users/me").status_code == 401
    assert Session.objects.get(user=olivia).ended_reason == "ended_by_staff"


@pytest.mark.parametrize("action", ["suspend", "verify_email", "end_sessions"])
def test_an_admin_touches_no_super_admin(portal_as, ada, sam, api_as, action):
    client = api_as(sam)

    messages = _act(portal_as(ada), action, sam, reason="a coup")

    assert messages == ["sam@example.com: above your role."]
    assert client.get("/api/v1/users/me").status_code == 200
    page = portal_as(ada).get(f"{USERS}{sam.pk}/change/").content.decode()
    assert 'name="full_name"' not in page


def test_an_admin_suspends_customers(portal_as, ada, olivia):
    _act(portal_as(ada), "suspend", olivia, reason="abuse")

    assert User.objects.get(pk=olivia.pk).status == UserStatus.SUSPENDED


@pytest.mark.parametrize("days", ["7", " 7 ", "+7", "7.0"])
def test_suspends_for_some_days(staff, olivia, days):
    _act(staff, "suspend", olivia, reason="Chargeback", days=days)

    olivia.refresh_from_db()
    left = olivia.suspended_until - timezone.now()
    assert (olivia.status, left.days) == ("SUSPENDED", 6)


@pytest.mark.parametrize("days", ["0", "-1", "3651", "x", "9" * 400])
def test_nobody_is_suspended_for_what_is_no_number_of_days(staff, olivia, days):
    _act(staff, "suspend", olivia, reason="Chargeback", days=days)

    olivia.refresh_from_db()
    assert (olivia.status, olivia.suspended_until) == ("ACTIVE", None)


def test_staff_cannot_suspend_itself(ada, portal_as):
    said = _act(portal_as(ada), "suspend", ada, reason="Holiday")

    assert said == [f"ada@example.com: {NOT_TO_BE_SUSPENDED}"]
    ada.refresh_from_db()
    assert ada.status == "ACTIVE"


@pytest.mark.parametrize("query", [
    "password__startswith=argon2", "id=1&password__contains=%24", "password__regex=%5Eargon2",
])  # fmt: skip
def test_nobody_guesses_a_hash_letter_by_letter(portal_as, ada, sam, query):
    response = portal_as(ada).get(f"{USERS}?{query}")

    assert response.status_code == 400
    assert sam.email not in response.content.decode()


def test_no_page_filters_by_what_nobody_is_told(rf):
    sealed = [
        (page, field.name)
        for model, page in site._registry.items()
        for field in model._meta.get_fields()
        if isinstance(field, Field) and is_secret(field)
    ]

    assert {"password", "seed_encrypted", "refresh_digest"} <= {name for _, name in sealed}
    for page, name in sealed:
        assert not page.lookup_allowed(f"{name}__startswith", "x", rf.get("/")), (page, name)


def test_lists_are_filtered_by_what_they_show(staff, olivia):
    for query in (f"id={olivia.pk}", "email__startswith=olivia", "role__exact=USER"):
        assert olivia.email in staff.get(f"{USERS}?{query}").content.decode()
