"""Suspending and reinstating people over the staff API, for a while or for good."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import PlatformRole, Session, User
from accounts.services import suspension
from accounts.tasks import lift_suspensions
from audit.models import AuditLog
from config.common.errors import InvalidInput
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/admin/users"


def test_suspends_with_a_reason_for_a_while(clock, as_ada, ada, olivia, api_as):
    client = api_as(olivia)

    response = as_ada.post(
        f"{URL}/{olivia.pk}/suspend", {"reason": "Chargeback", "until": "2026-03-09T09:00:00Z"}
    )

    assert response.status_code == 200
    shown = response.json()
    assert (shown["status"], shown["suspended_reason"], shown["suspended_until"]) == (
        "SUSPENDED",
        "Chargeback",
        "2026-03-09T09:00:00Z",
    )
    assert client.get("/api/v1/users/me").status_code == 401
    assert not Session.objects.filter(user=olivia, ended_at=None).exists()
    entry = AuditLog.objects.get(event="user.suspended")
    assert entry.actor_id == ada.pk


def test_is_lifted_when_its_time_comes(clock, olivia, mia):
    now = timezone.now()
    suspension.suspend(user=olivia, reason="x", until=now + timedelta(days=1), at=now)
    suspension.suspend(user=mia, reason="y")

    lift_suspensions()
    olivia.refresh_from_db()
    assert olivia.status == "SUSPENDED"
    clock.shift(timedelta(days=1))
    lift_suspensions()
    lift_suspensions()

    olivia.refresh_from_db()
    mia.refresh_from_db()
    assert (olivia.status, olivia.suspended_reason, olivia.suspended_until) == ("ACTIVE", "", None)
    assert mia.status == "SUSPENDED"
    assert AuditLog.objects.filter(event="user.reinstated").count() == 1


def test_reinstates_early(as_sam, olivia):
    later = timezone.now() + timedelta(days=1)
    suspension.suspend(user=olivia, reason="x", until=later)

    response = as_sam.post(f"{URL}/{olivia.pk}/reinstate")

    assert (response.status_code, response.json()["status"]) == (200, "ACTIVE")
    assert response.json()["suspended_until"] is None
    again = as_sam.post(f"{URL}/{olivia.pk}/reinstate")
    assert (again.status_code, again.json()["code"]) == (409, "not_suspended")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/reason"),
        ({"reason": ""}, "#/reason"),
        ({"reason": "x" * 301}, "#/reason"),
        ({"reason": "x", "until": "2020-01-01T00:00:00Z"}, "#/until"),
        ({"reason": "x", "until": "9999-12-31T23:59:59Z"}, "#/until"),
        ({"reason": "x", "until": "soon"}, "#/until"),
        ({"reason": "x", "days": 3}, "#/days"),
    ],
)
def test_refuses_a_suspension_that_is_not_clear(as_sam, olivia, body, pointer):
    response = as_sam.post(f"{URL}/{olivia.pk}/suspend", body)

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == pointer
    olivia.refresh_from_db()
    assert olivia.status == "ACTIVE"


def test_a_suspension_ends_later_than_it_begins(olivia):
    at = timezone.now()

    with pytest.raises(InvalidInput):
        suspension.suspend(user=olivia, reason="x", until=at, at=at)

    olivia.refresh_from_db()
    assert olivia.status == "ACTIVE"


def test_nobody_suspends_themself_or_a_super_admin(as_sam, as_ada, sam, ada):
    other = UserFactory.create(role=PlatformRole.SUPER_ADMIN)
    asked = [
        as_sam.post(f"{URL}/{sam.pk}/suspend", {"reason": "x"}),
        as_sam.post(f"{URL}/{other.pk}/suspend", {"reason": "x"}),
        as_ada.post(f"{URL}/{ada.pk}/suspend", {"reason": "x"}),
    ]

    assert [answer.json()["code"] for answer in asked] == ["cannot_suspend"] * 3
    assert not User.objects.exclude(status="ACTIVE").exists()


def test_suspends_once(as_sam, olivia):
    as_sam.post(f"{URL}/{olivia.pk}/suspend", {"reason": "first"})

    again = as_sam.post(f"{URL}/{olivia.pk}/suspend", {"reason": "second"})

    assert (again.status_code, again.json()["code"]) == (409, "cannot_suspend")
    olivia.refresh_from_db()
    assert olivia.suspended_reason == "first"


def test_only_a_suspension_has_an_end(olivia):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=olivia.pk).update(suspended_until=timezone.now())


def test_a_suspension_under_a_key_happens_once(as_sam, olivia):
    path, headers = f"{URL}/{olivia.pk}/suspend", {"Idempotency-Key": "suspend-olivia-1"}

    first = as_sam.post(path, {"reason": "x"}, headers=headers)
    again = as_sam.post(path, {"reason": "x"}, headers=headers)

    assert (first.status_code, again.status_code) == (200, 200)
    assert again["Idempotency-Replayed"] == "true"
    assert AuditLog.objects.filter(event="user.suspended").count() == 1
