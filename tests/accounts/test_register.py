"""POST /api/v1/auth/register opens an account, and tells nobody whether an address is known."""

import pytest
from django.contrib.auth.hashers import check_password
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import EmailToken, PlatformRole, User, UserStatus
from audit.models import AuditLog
from config.common.models import OutgoingMail
from organizations.models import OrganizationMember
from tests.queries import shapes

URL = "/api/v1/auth/register"
BODY = {
    "email": "nora@example.com",
    "password": "four unrelated quiet words",
    "full_name": "Nora Newcomer",
}


def test_opens_an_account_to_be_verified(api):
    response = api.post(URL, BODY)

    assert response.status_code == 201
    assert response.json() == {"detail": "Check your mail to confirm the address."}
    nora = User.objects.get()
    assert (nora.email, nora.full_name) == ("nora@example.com", "Nora Newcomer")
    assert (nora.role, nora.status) == (PlatformRole.USER, UserStatus.ACTIVE)
    assert nora.email_verified_at is None
    assert nora.password.startswith("argon2$argon2id$")
    assert check_password(BODY["password"], nora.password)


def test_gives_an_organization_of_ones_own(api):
    api.post(URL, BODY)

    member = OrganizationMember.objects.get()
    assert (member.user.email, member.role) == ("nora@example.com", "OWNER")
    assert member.organization.personal_of == member.user


def test_owes_a_verification_mail(api):
    api.post(URL, BODY)

    mail = OutgoingMail.objects.get()
    assert (mail.kind, mail.recipient) == ("accounts/verify_email", "nora@example.com")
    link = EmailToken.objects.get()
    assert (link.purpose, link.email, link.used_at) == ("VERIFY_EMAIL", "nora@example.com", None)


def test_is_audited(api):
    api.post(URL, BODY)

    entry = AuditLog.objects.get(event="user.registered")
    assert entry.target_id == User.objects.get().pk
    assert "password" not in str(entry.data)


def test_keeps_one_spelling_of_an_address(api):
    api.post(URL, BODY | {"email": " Nora@Example.COM "})
    api.post(URL, BODY)

    assert [user.email for user in User.objects.all()] == ["nora@example.com"]


def test_answers_alike_for_a_known_address(api, olivia):
    unknown = api.post(URL, BODY)
    known = api.post(URL, BODY | {"email": olivia.email})

    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)


def test_leaves_a_known_account_as_it_was(api, olivia):
    before = User.objects.values().get(pk=olivia.pk)
    counts = User.objects.count(), OrganizationMember.objects.count(), AuditLog.objects.count()

    api.post(URL, BODY | {"email": olivia.email})

    assert User.objects.values().get(pk=olivia.pk) == before
    assert counts == (
        User.objects.count(),
        OrganizationMember.objects.count(),
        AuditLog.objects.count(),
    )
    assert not EmailToken.objects.exists()
    mail = OutgoingMail.objects.get()
    assert (mail.kind, mail.recipient) == ("accounts/already_registered", olivia.email)


def test_does_the_same_work_for_a_known_address(api, olivia):
    api.post(URL, BODY | {"email": "warm@example.com"})

    with CaptureQueriesContext(connection) as unknown:
        api.post(URL, BODY)
    with CaptureQueriesContext(connection) as known:
        api.post(URL, BODY | {"email": olivia.email})

    assert shapes(known) == shapes(unknown)


def test_mails_a_known_address_five_times_an_hour_at_most(api, olivia, clock):
    for _ in range(7):
        assert api.post(URL, BODY | {"email": olivia.email}).status_code == 201

    assert OutgoingMail.objects.filter(recipient=olivia.email).count() == 5

    clock.shift(3600)
    api.post(URL, BODY | {"email": olivia.email})
    assert OutgoingMail.objects.filter(recipient=olivia.email).count() == 6


@pytest.mark.parametrize(
    "password", ["short", "password1234", "1234567890", "nora@example.com", "Nora Newcomer"]
)
def test_refuses_a_weak_password(api, password):
    response = api.post(URL, BODY | {"password": password})

    assert response.status_code == 400
    problem = response.json()
    assert problem["code"] == "invalid_input"
    assert {(error["pointer"], error["code"]) for error in problem["errors"]} == {
        ("#/password", "weak_password")
    }
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"email": "nobody"}, "#/email", "invalid"),
        ({"email": f"{'n' * 250}@example.com"}, "#/email", "max_length"),
        ({"email": None}, "#/email", "null"),
        # A capital letter that PostgreSQL knows the small form of and Python does not know.
        ({"email": "nora@e\u1c89ample.com"}, "#/email", "unknown_character"),
        ({"password": "p" * 257}, "#/password", "max_length"),
        ({"full_name": "n" * 151}, "#/full_name", "max_length"),
        ({"full_name": "http://evil.example"}, "#/full_name", "full_name"),
        ({"full_name": "www.evil.example"}, "#/full_name", "full_name"),
        ({"full_name": "two\nlines"}, "#/full_name", "full_name"),
        ({"full_name": "back\u202eward"}, "#/full_name", "full_name"),
        ({"full_name": "\u200b"}, "#/full_name", "full_name"),
        ({"role": "SUPER_ADMIN"}, "#/role", "unknown_member"),
        ({"is_superuser": True}, "#/is_superuser", "unknown_member"),
        ({"email_verified_at": "2026-01-01T00:00:00Z"}, "#/email_verified_at", "unknown_member"),
    ],
)
def test_refuses_what_does_not_belong(api, changes, pointer, code):
    response = api.post(URL, BODY | changes)

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    errors = [(error["pointer"], error["code"]) for error in response.json()["errors"]]
    assert errors == [(pointer, code)]
    assert not User.objects.exists()


def test_refuses_query_parameters(api):
    response = api.post(f"{URL}?role=ADMIN", BODY)

    assert response.status_code == 400
    assert response.json()["errors"][0]["location"] == "query"
    assert not User.objects.exists()


def test_leaves_no_trace_when_the_organization_cannot_be_created(api, monkeypatch):
    def fail(**_):
        raise RuntimeError("no organizations today")

    monkeypatch.setattr("organizations.receivers.organizations.create_organization", fail)

    response = api.post(URL, BODY)

    assert response.status_code == 500
    assert not User.objects.exists()
    assert not OutgoingMail.objects.exists()
