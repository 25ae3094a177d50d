"""Platform credentials."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import PlatformRole, User
from apikeys import secrets
from apikeys.models import Secret, ServiceKey
from apikeys.services import service_keys
from audit.models import AuditLog
from config.common.errors import Forbidden, InvalidInput
from tests import race
from tests.factories.apikeys import ServiceKeyFactory
from webhooks.models import WebhookMessage

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_staff(sam):
    """Return staff with all permissions but that over service keys."""
    User.objects.filter(pk=sam.pk).update(role=PlatformRole.ADMIN)
    return User.objects.get(pk=sam.pk)


def pointers(refusal):
    """Return where the faults are."""
    return [fault.pointer for fault in refusal.value.errors]


def test_a_super_admin_makes_one(sam, works):
    key, secret = service_keys.create_service_key(
        name=" gateway ",
        scopes=["keys:verify"],
        ip_allowlist=["10.0.0.1"],
        by=sam,
        at=timezone.now(),
    )

    parsed = secrets.parse(secret)
    assert parsed is not None
    assert parsed.is_service_key
    assert (key.name, key.created_by, key.ip_allowlist) == ("gateway", sam, ["10.0.0.1/32"])
    assert (key.prefix, key.last4) == (secret[:8], secret[-4:])
    assert works(secret)


@pytest.mark.parametrize("person", ["olivia", "admin_staff"])
def test_nobody_else_handles_them(request, person, works):
    by, key = request.getfixturevalue(person), ServiceKeyFactory.create()
    at = timezone.now()

    with pytest.raises(Forbidden):
        service_keys.create_service_key(name="mine", scopes=["keys:verify"], by=by, at=at)
    with pytest.raises(Forbidden):
        service_keys.rotate_service_key(key=key, overlap_seconds=0, by=by, at=at)
    with pytest.raises(Forbidden):
        service_keys.revoke_service_key(key=key, by=by, at=at)

    assert ServiceKey.objects.get().revoked_at is None
    assert works(key.secret)


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"name": " "}, "#/name"),
        ({"name": "n" * 81}, "#/name"),
        ({"scopes": []}, "#/scopes"),
        ({"scopes": ["a b"]}, "#/scopes/0"),
        ({"ip_allowlist": ["here"]}, "#/ip_allowlist/0"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "#/expires_at"),
    ],
)
def test_points_to_what_is_not_valid(settings, pointer):
    with pytest.raises(InvalidInput) as refusal:
        ServiceKeyFactory.create(**settings)

    assert pointers(refusal) == [pointer]
    assert not ServiceKey.objects.exists()
    assert not Secret.objects.exists()


def test_a_name_is_taken_once():
    ServiceKeyFactory.create(name="gateway")

    with pytest.raises(service_keys.ServiceKeyNameTaken):
        ServiceKeyFactory.create(name="gateway")

    assert ServiceKey.objects.count() == Secret.objects.count() == 1


def test_rotates_with_an_overlap(works, clock):
    key = ServiceKeyFactory.create()

    rotated, secret = service_keys.rotate_service_key(
        key=key, overlap_seconds=60, by=None, at=timezone.now()
    )

    assert works(secret)
    assert works(key.secret)
    assert (rotated.prefix, rotated.last4) == (secret[:8], secret[-4:])
    clock.shift(61)
    assert not works(key.secret)


def test_revoking_is_for_good():
    key = ServiceKeyFactory.create()
    at = timezone.now()

    service_keys.revoke_service_key(key=key, by=None, at=at)
    again = service_keys.revoke_service_key(key=key, by=None, at=at + timedelta(hours=1))

    assert again.revoked_at == at
    with pytest.raises(service_keys.ServiceKeyIsRevoked):
        service_keys.rotate_service_key(key=key, overlap_seconds=0, by=None, at=at)


def test_is_audited_on_the_platforms_chain_and_owed_to_nobody():
    key = ServiceKeyFactory.create(name="gateway")
    service_keys.rotate_service_key(key=key, overlap_seconds=0, by=None, at=timezone.now())
    service_keys.revoke_service_key(key=key, by=None, at=timezone.now())

    entries = AuditLog.objects.filter(target_type="service_key").order_by("id")
    assert [(entry.event, entry.organization_id) for entry in entries] == [
        ("service_key.created", None),
        ("service_key.rotated", None),
        ("service_key.revoked", None),
    ]
    assert not WebhookMessage.objects.filter(event_type__startswith="service_key").exists()


@pytest.mark.django_db(transaction=True)
def test_a_race_for_a_name_has_one_winner():
    results = race.together(6, lambda _: ServiceKeyFactory.create(name="gateway"))

    won = [result for result in results if isinstance(result, ServiceKey)]
    lost = [result for result in results if isinstance(result, service_keys.ServiceKeyNameTaken)]
    assert (len(won), len(lost)) == (1, 5)
    assert ServiceKey.objects.count() == 1
