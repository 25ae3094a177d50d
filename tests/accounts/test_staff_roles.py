"""Platform roles over the staff API: who gives and takes them, and the last super admin, who stays one."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import PlatformRole, User, UserStatus
from accounts.services import staff
from accounts.services.staff import CannotChangeRole
from audit.models import AuditLog
from config.common.errors import Forbidden
from tests import race
from tests.clients import grow_old
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/admin/users"


def test_gives_a_role(as_sam, sam, olivia):
    response = as_sam.patch(f"{URL}/{olivia.pk}", {"role": "ADMIN"})

    assert (response.status_code, response.json()["role"]) == (200, "ADMIN")
    entry = AuditLog.objects.get(event="user.role_changed")
    assert (entry.actor_id, entry.old_values, entry.new_values) == (
        sam.pk,
        {"role": "USER"},
        {"role": "ADMIN"},
    )


def test_a_role_needs_a_recent_sign_in(as_sam, sam, olivia):
    grow_old(sam)

    response = as_sam.patch(f"{URL}/{olivia.pk}", {"role": "ADMIN"})

    assert (response.status_code, response.json()["code"]) == (403, "reauthentication_required")
    assert as_sam.patch(f"{URL}/{olivia.pk}", {"full_name": "O"}).status_code == 200
    olivia.refresh_from_db()
    assert olivia.role == "USER"


def test_once_the_sign_in_is_recent_the_same_request_is_carried_out(as_sam, sam, olivia):
    grow_old(sam)
    same = ({"role": "ADMIN"}, {"headers": {"Idempotency-Key": "one"}})

    refused = as_sam.patch(f"{URL}/{olivia.pk}", same[0], **same[1])
    sam.sessions.update(authenticated_at=timezone.now())
    again = as_sam.patch(f"{URL}/{olivia.pk}", same[0], **same[1])

    assert (refused.status_code, again.status_code) == (403, 200)
    assert "Idempotency-Replayed" not in again.headers
    olivia.refresh_from_db()
    assert olivia.role == "ADMIN"


def test_an_admin_gives_no_role(as_ada, ada, olivia):
    for person, role in ((olivia, "ADMIN"), (olivia, "SUPER_ADMIN"), (ada, "SUPER_ADMIN")):
        assert as_ada.patch(f"{URL}/{person.pk}", {"role": role}).status_code == 403

    assert set(User.objects.values_list("role", flat=True)) == {"USER", "ADMIN"}


def test_an_admin_touches_no_super_admin(as_ada, sam):
    asked = [
        as_ada.patch(f"{URL}/{sam.pk}", {"full_name": "Samuel"}),
        as_ada.patch(f"{URL}/{sam.pk}", {"role": "USER"}),
        as_ada.post(f"{URL}/{sam.pk}/suspend", {"reason": "x"}),
    ]

    assert [answer.status_code for answer in asked] == [403, 403, 403]
    sam.refresh_from_db()
    assert (sam.full_name, sam.role, sam.status) == ("Sam Staff", "SUPER_ADMIN", "ACTIVE")


def test_a_super_admin_demotes_another(as_sam, sam):
    other = UserFactory.create(role=PlatformRole.SUPER_ADMIN)

    assert as_sam.patch(f"{URL}/{other.pk}", {"role": "USER"}).status_code == 200


def test_the_last_super_admin_stays(sam):
    UserFactory.create(role=PlatformRole.SUPER_ADMIN, status=UserStatus.SUSPENDED)

    with pytest.raises(CannotChangeRole):
        staff.change_role(user=sam, role=PlatformRole.USER)

    sam.refresh_from_db()
    assert sam.role == "SUPER_ADMIN"


def demote(two, number):
    return staff.change_role(user=two[number], role=PlatformRole.USER, by=two[1 - number])


@pytest.mark.django_db(transaction=True)
def test_two_who_demote_each_other_at_once_leave_one():
    for _ in range(5):
        two = [UserFactory.create(role=PlatformRole.SUPER_ADMIN) for _ in range(2)]

        outcomes = race.together(2, partial(demote, two))

        assert [type(outcome) for outcome in outcomes if outcome is not True] == [Forbidden]
        assert User.objects.filter(role=PlatformRole.SUPER_ADMIN).count() == 1
        User.objects.all().update(role=PlatformRole.USER)


@pytest.mark.django_db(transaction=True)
def test_making_a_super_admin_waits_for_no_change_of_roles_that_waits_for_it(sam, olivia):
    """Whoever changes a role holds every super admin, and then waits in line at the log."""

    def make():
        return staff.create_admin(email="ada@example.com", password="four other quiet words")

    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            staff.lock_with_super_admins(olivia.pk)
            made = pool.submit(closing_connections(make))
            time.sleep(0.5)
            staff.change_role(user=olivia, role=PlatformRole.ADMIN, by=sam)
        assert made.result(60).role == PlatformRole.SUPER_ADMIN

    olivia.refresh_from_db()
    assert olivia.role == PlatformRole.ADMIN
    roles = User.objects.values_list("role", flat=True).filter(email="ada@example.com")
    assert list(roles) == [PlatformRole.SUPER_ADMIN]
    assert AuditLog.objects.filter(event="user.role_changed").count() == 2


def closing_connections(work):
    def closed():
        try:
            return work()
        finally:
            connection.close()

    return closed
