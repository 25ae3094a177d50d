"""Closing an account: asked for, fourteen days to think again, then erased, whatever dies meanwhile."""

import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts import avatars
from accounts.models import (
    DataExport,
    Device,
    EmailChange,
    EmailToken,
    Passkey,
    PendingSignIn,
    Session,
    User,
    UserStatus,
)
from accounts.services import deletions, exports, passwords, registration, suspension
from accounts.services.deletions import CannotDelete
from accounts.tasks import delete_due
from audit.models import AuditLog, SecurityEvent
from config.common import mail
from config.common.models import OutgoingMail
from organizations.models import Organization, OrganizationMember
from organizations.services import members
from tests import race
from tests.clients import grow_old
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.apikeys import ApiKeyFactory

URL = "/api/v1/users/me/deletion"
BODY = {"password": PASSWORD}
GRACE = timedelta(days=14)


@pytest.fixture
def client(api_as, stan, places):
    """Stan is alone in his organization."""
    return api_as(stan)


@pytest.fixture
def leaving(client, stan):
    """Stan has asked to be deleted."""
    assert client.post(URL, BODY).status_code == 202
    stan.refresh_from_db()
    return stan


def mails(kind):
    return OutgoingMail.objects.filter(kind=f"accounts/deletion_{kind}")


def test_is_due_in_fourteen_days(client, stan):
    response = client.post(URL, BODY)

    stan.refresh_from_db()
    assert response.status_code == 202
    assert response.json()["deletion_due_at"].endswith("Z")
    assert stan.deletion_due_at - stan.deletion_requested_at == GRACE
    assert (stan.status, client.get("/api/v1/users/me").status_code) == ("ACTIVE", 200)
    assert mails("requested").get().recipient == stan.email
    assert AuditLog.objects.get(event="user.deletion_requested").actor_id == stan.pk


def test_asking_again_moves_nothing(client, leaving):
    client.post(URL, BODY)

    assert User.objects.get(pk=leaving.pk).deletion_due_at == leaving.deletion_due_at
    assert mails("requested").count() == 1


def test_can_be_taken_back(client, leaving):
    assert client.delete(URL).status_code == 204

    leaving.refresh_from_db()
    assert (leaving.deletion_requested_at, leaving.deletion_due_at) == (None, None)
    assert AuditLog.objects.filter(event="user.deletion_canceled").count() == 1
    assert deletions.erase_due(at=timezone.now() + GRACE * 2) == 0
    assert client.delete(URL).status_code == 204
    assert AuditLog.objects.filter(event="user.deletion_canceled").count() == 1


def test_signing_in_meanwhile_says_so(api, leaving):
    answer = api.post("/api/v1/auth/login", {"email": leaving.email, **BODY}).json()

    assert answer["user"]["deletion_due_at"] is not None


def test_needs_the_password(client, stan):
    response = client.post(URL, {"password": "wrong"})

    assert (response.status_code, response.json()["code"]) == (400, "wrong_password")
    stan.refresh_from_db()
    assert stan.deletion_due_at is None


def test_needs_a_recent_sign_in(client, stan):
    grow_old(stan)

    response = client.post(URL, BODY)

    assert (response.status_code, response.json()["code"]) == (403, "reauthentication_required")
    stan.refresh_from_db()
    assert stan.deletion_due_at is None


def test_a_sole_owner_is_told_what_to_do_first(api_as, olivia, mia, organization):
    response = api_as(olivia).post(URL, BODY)

    assert (response.status_code, response.json()["code"]) == (409, "sole_owner")
    assert response.json()["organizations"] == [{"id": organization.pk, "name": organization.name}]
    olivia.refresh_from_db()
    assert olivia.deletion_due_at is None
    assert not mails("requested").exists()
    assert not AuditLog.objects.filter(event="user.deletion_requested").exists()


@pytest.mark.parametrize("way", ["another owner", "nobody else"])
def test_then_nothing_stands_in_the_way(api_as, olivia, mia, way):
    member = OrganizationMember.objects.filter(user=mia)
    if way == "another owner":
        member.update(role="OWNER")
    else:
        member.delete()

    assert api_as(olivia).post(URL, BODY).status_code == 202


def test_another_owner_who_is_suspended_does_not_count(api_as, olivia, mia):
    OrganizationMember.objects.filter(user=mia).update(role="OWNER")
    suspension.suspend(user=mia, reason="misuse")

    response = api_as(olivia).post(URL, BODY)

    assert (response.status_code, response.json()["code"]) == (409, "sole_owner")
    olivia.refresh_from_db()
    assert olivia.deletion_due_at is None


def test_a_super_admin_cannot_go(api_as, sam):
    response = api_as(sam).post(URL, BODY)

    assert (response.status_code, response.json()["code"]) == (409, "cannot_delete")
    assert User.objects.get().deletion_due_at is None


def test_reminds_once_three_days_before(leaving):
    due = leaving.deletion_due_at

    reminded = [
        deletions.remind_due(at=at)
        for at in (due - timedelta(days=3, seconds=1), due - timedelta(days=3), due)
    ]

    assert reminded == [0, 1, 0]
    assert mails("reminder").get().recipient == leaving.email


def test_is_not_erased_before_its_time(leaving):
    assert deletions.erase_due(at=leaving.deletion_due_at - timedelta(seconds=1)) == 0
    assert User.objects.get(pk=leaving.pk).status == UserStatus.ACTIVE


def furnish(user):
    """Leave something of every kind behind."""
    now = timezone.now()
    Device.objects.create(user=user, digest=b"d" * 32, last_used_at=now)
    Passkey.objects.create(
        user=user, name="Blue", credential_id=b"c", public_key=b"p", aaguid="0" * 32
    )
    PendingSignIn.objects.create(user=user, session_version=1, expires_at=now)
    passwords.request_reset(email=user.email, at=now)
    User.objects.filter(pk=user.pk).update(
        avatar=avatars.store(b"picture"), metadata={"phone": "1"}, time_zone="Asia/Tokyo"
    )
    export = exports.request(user=user, at=now)
    exports.make(export_id=export.pk, at=now)


@pytest.mark.django_db(transaction=True)
def test_erases_what_is_personal(client, api, leaving, places, tables_holding):
    furnish(leaving)
    email, full_name = leaving.email, leaving.full_name

    assert deletions.erase_due(at=leaving.deletion_due_at) == 1

    leaving.refresh_from_db()
    assert re.fullmatch(rf"deleted-{leaving.pk}-[0-9a-f]{{16}}@deleted\.invalid", leaving.email)
    assert (leaving.status, leaving.full_name, leaving.metadata) == ("DELETED", "", {})
    assert (leaving.avatar, leaving.time_zone, leaving.last_login_ip) == ("", "UTC", None)
    assert not leaving.has_usable_password()
    for model in (Session, Device, Passkey, PendingSignIn, EmailToken, DataExport):
        assert not model.objects.filter(user=leaving).exists()
    assert [path for path in places.rglob("*") if path.is_file()] == []
    assert client.get("/api/v1/users/me").status_code == 401
    assert api.post("/api/v1/auth/login", {"email": email, **BODY}).status_code == 401
    assert mails("done").get().recipient == email
    # The log is append-only, and the farewell still has to be sent.
    assert set(tables_holding(email)) <= {
        "audit_auditlog",
        "audit_securityevent",
        "common_outgoingmail",
    }
    assert set(tables_holding(full_name)) <= {"audit_auditlog", "audit_securityevent"}


def test_closes_what_was_theirs_alone(leaving, foreign_organization):
    key = ApiKeyFactory.create(organization=foreign_organization, created_by=leaving)
    Organization.objects.update(billing_name="Stan", billing_address={"city": "X"}, tax_id="T1")

    deletions.erase_due(at=leaving.deletion_due_at)

    foreign_organization.refresh_from_db()
    key.refresh_from_db()
    assert foreign_organization.status == "CLOSED"
    assert (foreign_organization.name, foreign_organization.billing_email) == (
        "Deleted organization",
        "",
    )
    assert (foreign_organization.billing_name, foreign_organization.tax_id) == ("", "")
    assert key.revoked_at is not None


def test_leaves_what_is_shared_as_it_is(api_as, mia, organization):
    key = ApiKeyFactory.create(organization=organization, created_by=mia)

    deletions.erase(user_id=mia.pk, at=timezone.now())

    key.refresh_from_db()
    organization.refresh_from_db()
    assert key.revoked_at is None
    assert (organization.status, organization.name) == ("ACTIVE", "Olivia's organization")
    assert not OrganizationMember.objects.filter(user=mia).exists()
    assert AuditLog.objects.filter(event="member.removed", target_id=mia.pk).count() == 1


def test_keys_that_had_stopped_with_their_maker_do_not_work_again(mia, adam, organization):
    stopped = ApiKeyFactory.create(organization=organization, created_by=mia)
    others = ApiKeyFactory.create(organization=organization, created_by=adam)
    suspension.suspend(user=mia, reason="misuse")

    deletions.erase(user_id=mia.pk, at=timezone.now())

    stopped.refresh_from_db()
    others.refresh_from_db()
    assert (stopped.revoked_at is None, others.revoked_at is None) == (False, True)
    entry = AuditLog.objects.get(event="api_key.revoked")
    assert (entry.organization_id, entry.target_id) == (organization.pk, stopped.pk)


def test_keeps_the_log(leaving):
    before = list(AuditLog.objects.order_by("pk").values_list("pk", "hash"))

    deletions.erase_due(at=leaving.deletion_due_at)

    assert list(AuditLog.objects.order_by("pk").values_list("pk", "hash"))[: len(before)] == before
    assert AuditLog.objects.filter(event="user.erased", target_id=leaving.pk).count() == 1
    assert SecurityEvent.objects.filter(name="user_deleted", user_id=leaving.pk).exists()
    call_command("audit_verify")


def test_whoever_became_a_sole_owner_waits(leaving, foreign_organization):
    mallory = UserFactory.create()
    members.add_member(organization=foreign_organization, user=mallory, role="MEMBER")

    assert deletions.erase_due(at=leaving.deletion_due_at) == 0
    leaving.refresh_from_db()
    assert (leaving.status, leaving.email) == ("ACTIVE", "stan@example.com")
    assert Session.objects.filter(user=leaving, ended_at=None).exists()

    OrganizationMember.objects.filter(user=mallory).delete()
    assert deletions.erase_due(at=leaving.deletion_due_at) == 1


def test_one_that_may_not_go_keeps_nobody_else(leaving, foreign_organization):
    members.add_member(organization=foreign_organization, user=UserFactory.create(), role="MEMBER")
    other = UserFactory.create()
    User.objects.filter(pk=other.pk).update(
        deletion_requested_at=timezone.now(), deletion_due_at=leaving.deletion_due_at
    )

    assert deletions.erase_due(at=leaving.deletion_due_at) == 1
    assert User.objects.get(pk=other.pk).status == UserStatus.DELETED


def test_is_erased_once(leaving):
    erased = [deletions.erase_due(at=leaving.deletion_due_at) for _ in range(2)]

    assert erased == [1, 0]
    assert deletions.erase(user_id=leaving.pk, at=timezone.now()) is False
    assert mails("done").count() == 1


def test_half_done_is_not_done(leaving, monkeypatch):
    monkeypatch.setattr("accounts.services.deletions._anonymize", lambda _user: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        deletions.erase(user_id=leaving.pk, at=leaving.deletion_due_at)

    monkeypatch.undo()
    leaving.refresh_from_db()
    assert leaving.email == "stan@example.com"
    assert Session.objects.filter(user=leaving).exists()
    assert not mails("done").exists()
    assert deletions.erase_due(at=leaving.deletion_due_at) == 1


def test_exactly_one_of_sixteen_erases(transactional_db):
    nora = UserFactory.create()

    outcomes = race.together(16, lambda _: deletions.erase(user_id=nora.pk, at=timezone.now()))

    assert sorted(outcomes) == [False] * 15 + [True]
    assert mails("done").count() == 1


def test_the_address_is_free_again(api, leaving):
    deletions.erase_due(at=leaving.deletion_due_at)

    registration.register(email="stan@example.com", password="four unrelated quiet words")

    assert User.objects.filter(email="stan@example.com").count() == 1


def test_the_job_reminds_and_erases(leaving, clock):
    clock.move_to(leaving.deletion_due_at)

    delete_due()

    assert User.objects.get(pk=leaving.pk).status == UserStatus.DELETED
    assert AuditLog.objects.get(event="user.erased").actor_type == "job"


def test_nobody_prevents_it_by_taking_an_address_first(leaving):
    UserFactory.create(email=f"deleted-{leaving.pk}@deleted.invalid")

    assert deletions.erase_due(at=leaving.deletion_due_at) == 1


def test_mail_to_former_addresses_goes_too_but_for_those_of_others(stan):
    now = timezone.now()
    UserFactory.create(email="taken@example.com")
    for former in ("former@example.com", "taken@example.com"):
        EmailChange.objects.create(
            user=stan,
            old_email=former,
            new_email=stan.email,
            expires_at=now,
            old_confirmed_at=now,
            new_confirmed_at=now,
            completed_at=now,
        )
        mail.send("accounts/welcome", to=former, values={"user": stan})

    deletions.erase(user_id=stan.pk, at=now)

    left = OutgoingMail.objects.filter(kind="accounts/welcome")
    assert [one.recipient for one in left] == ["taken@example.com"]


@pytest.mark.parametrize("obstacle", [CannotDelete(), RuntimeError("a defect")])
def test_one_that_cannot_go_keeps_no_others(leaving, monkeypatch, obstacle):
    others = UserFactory.create_batch(2)
    User.objects.filter(pk__in=[one.pk for one in others]).update(
        deletion_requested_at=leaving.deletion_requested_at,
        deletion_due_at=leaving.deletion_due_at + timedelta(seconds=1),
    )
    real = deletions.erase

    def erase(*, user_id, **arguments):
        if user_id == leaving.pk:
            raise obstacle
        return real(user_id=user_id, **arguments)

    monkeypatch.setattr(deletions, "erase", erase)
    monkeypatch.setattr(deletions, "_AT_ONCE", 1)

    assert deletions.erase_due(at=leaving.deletion_due_at + GRACE) == 1
    assert deletions.erase_due(at=leaving.deletion_due_at + GRACE) == 1
    assert set(User.objects.filter(status=UserStatus.DELETED)) == set(others)
