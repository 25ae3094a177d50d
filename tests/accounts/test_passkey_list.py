"""Passkeys that somebody has: listed, named, removed but for the last factor, and seen by staff."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Passkey, PasskeyChallenge, PlatformRole, RecoveryCode, User
from accounts.services import passkeys, upkeep
from accounts.services.passkeys import LastFactor
from audit.models import AuditLog
from config.common.models import OutgoingMail
from tests import race
from tests.clients import grow_old
from tests.doubles.authenticator import (
    enrolled,
)
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/auth/passkeys"
OPTIONS = f"{URL}/options"


def test_the_list_shows_ones_own(api_as, olivia, stan):
    enrolled(olivia, name="Laptop")
    enrolled(olivia, name="Phone")
    enrolled(stan, name="Stan's")

    rows = api_as(olivia).get(URL).json()["data"]

    assert [row["name"] for row in rows] == ["Phone", "Laptop"]
    assert set(rows[0]) == {
        "id", "name", "is_synced", "transports", "last_used_at", "created_at",
    }  # fmt: skip


def test_renaming(api_as, olivia):
    _, passkey = enrolled(olivia)

    response = api_as(olivia).patch(f"{URL}/{passkey.pk}", {"name": "Work laptop"})

    assert (response.status_code, response.json()["name"]) == (200, "Work laptop")
    entry = AuditLog.objects.get(event="passkey.renamed")
    assert (entry.old_values, entry.new_values) == ({"name": "Laptop"}, {"name": "Work laptop"})


def test_removing_is_audited_and_mailed(api_as, olivia):
    _, passkey = enrolled(olivia)
    enrolled(olivia)
    OutgoingMail.objects.all().delete()

    response = api_as(olivia).delete(f"{URL}/{passkey.pk}")

    assert (response.status_code, response.content) == (204, b"")
    assert not Passkey.objects.filter(pk=passkey.pk).exists()
    assert AuditLog.objects.filter(event="passkey.removed", target_id=olivia.pk).count() == 1
    assert OutgoingMail.objects.get().kind == "accounts/passkey_removed"


def test_with_the_last_factor_go_recovery_codes_and_other_sessions(api_as, olivia):
    _, passkey = enrolled(olivia)
    other, client = api_as(olivia), api_as(olivia)

    assert client.delete(f"{URL}/{passkey.pk}").status_code == 204

    assert not RecoveryCode.objects.exists()
    assert other.get("/api/v1/users/me").status_code == 401
    assert client.get("/api/v1/users/me").status_code == 200


@pytest.mark.parametrize(("method", "body"), [("patch", {"name": "Mine"}), ("delete", None)])
def test_a_passkey_of_somebody_else_is_not_there(api_as, olivia, stan, method, body):
    _, passkey = enrolled(olivia)

    response = getattr(api_as(stan), method)(f"{URL}/{passkey.pk}", body)

    assert response.status_code == 404
    assert Passkey.objects.get().name == "Laptop"


def test_staff_keeps_a_last_factor(api_as, sam):
    _, passkey = enrolled(sam)

    response = api_as(sam).delete(f"{URL}/{passkey.pk}")

    assert (response.status_code, response.json()["code"]) == (409, "last_second_factor")
    assert Passkey.objects.filter(pk=passkey.pk).exists()
    assert RecoveryCode.objects.filter(user=sam).count() == 10


def test_staff_removes_one_of_two(api_as, sam):
    _, passkey = enrolled(sam)
    enrolled(sam)

    assert api_as(sam).delete(f"{URL}/{passkey.pk}").status_code == 204


def test_whoever_has_no_password_keeps_a_last_factor(olivia):
    _, passkey = enrolled(olivia)
    olivia.set_unusable_password()
    olivia.save()

    with pytest.raises(LastFactor):
        passkeys.remove(user=olivia, passkey_id=passkey.pk)

    assert Passkey.objects.exists()


def test_two_last_factors_removed_at_once_leave_one(transactional_db):
    person = UserFactory.create(role=PlatformRole.ADMIN)
    rows = [enrolled(person)[1] for _ in range(2)]

    outcomes = race.together(2, lambda n: passkeys.remove(user=person, passkey_id=rows[n].pk))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastFactor", "NoneType"]
    assert Passkey.objects.count() == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("post", OPTIONS), ("post", URL), ("patch", f"{URL}/1"), ("delete", f"{URL}/1")],
    ids=["options", "add", "rename", "remove"],
)
def test_changes_need_a_recent_proof(api_as, olivia, method, path):
    client = api_as(olivia)
    grow_old(olivia)

    response = getattr(client, method)(path, {})

    assert (response.status_code, response.json()["code"]) == (403, "reauthentication_required")
    assert client.get(URL).status_code == 200


def test_old_challenges_are_forgotten(olivia):
    at = timezone.now()
    passkeys.begin_adding(user=olivia, at=at - timedelta(days=2))
    passkeys.begin_adding(user=olivia, at=at)

    upkeep.purge_expired(at=at)

    assert PasskeyChallenge.objects.count() == 1
    assert User.objects.filter(pk=olivia.pk).exists()


def test_the_back_office_shows_passkeys_but_not_their_keys(portal_as, sam, olivia):
    _, passkey = enrolled(olivia, name="Blue laptop")
    office = portal_as(sam)

    listed = office.get("/admin/accounts/passkey/").content.decode()
    row = office.get(f"/admin/accounts/passkey/{passkey.pk}/change/").content.decode()

    assert "Blue laptop" in listed
    assert "Blue laptop" in row
    assert "ublic key" not in row
    assert "redential" not in row
    assert office.post(f"/admin/accounts/passkey/{passkey.pk}/delete/").status_code == 403
