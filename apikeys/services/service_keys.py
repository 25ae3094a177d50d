"""The verbs of platform credentials. People need the permission to handle them; commands act without a person."""

from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.roles import PlatformPermission
from apikeys.models import ServiceKey
from apikeys.services import invalidation, rotation
from apikeys.services.key_checks import (
    check_expiry,
    checked_name,
    checked_networks,
    checked_scopes,
)
from apikeys.signals import ServiceKeyCreated, ServiceKeyRevoked, ServiceKeyRotated
from config.common import changes
from config.common.errors import Conflict, Faults, Forbidden, InvalidInput
from config.common.events import publish
from config.common.overlap import require_overlap


class ServiceKeyNameTaken(Conflict):
    """Another service key has this name."""

    code = "service_key_name_taken"
    title = "The name is taken"
    fix = "Choose another name; revoked service keys keep theirs."


class ServiceKeyIsRevoked(Conflict):
    """The service key was revoked; that cannot be undone."""

    code = "service_key_revoked"
    title = "The service key is revoked"
    fix = "Create a new service key."


@transaction.atomic
def create_service_key(
    *,
    name: str,
    scopes: list[str],
    by: User | None,
    at: datetime,
    ip_allowlist: list[str] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ServiceKey, str]:
    """Make a service key and return it with its secret.

    Raises Forbidden, InvalidInput or ServiceKeyNameTaken.
    """
    _require_right(by)
    key = ServiceKey(
        name=name,
        created_by=by,
        scopes=scopes,
        ip_allowlist=ip_allowlist or [],
        expires_at=expires_at,
    )
    _check(key, at)
    minted = rotation.mint(None)
    key.prefix, key.last4 = minted.prefix, minted.last4
    _insert(key)
    rotation.keep(minted, service_key=key)
    publish(ServiceKeyCreated(service_key_id=key.pk, key_name=key.name), after=changes.told(key))
    return key, minted.text


@transaction.atomic
def rotate_service_key(
    *, key: ServiceKey, overlap_seconds: int, by: User | None, at: datetime
) -> tuple[ServiceKey, str]:
    """Give the service key a new secret and return both; every older secret works for the overlap at most.

    Raises Forbidden, InvalidInput or ServiceKeyIsRevoked.
    """
    _require_right(by)
    require_overlap(overlap_seconds, at_most=rotation.MAX_OVERLAP_SECONDS)
    locked = ServiceKey.objects.select_for_update(of=("self",), no_key=True).get(pk=key.pk)
    if locked.revoked_at is not None:
        raise ServiceKeyIsRevoked
    before = changes.told(locked, ("prefix", "last4"))
    rotation.retire(locked, at=at, overlap_seconds=overlap_seconds)
    minted = rotation.mint(None)
    rotation.keep(minted, service_key=locked)
    locked.prefix, locked.last4 = minted.prefix, minted.last4
    locked.save(update_fields=["prefix", "last4", "updated_at"])
    publish(
        ServiceKeyRotated(
            service_key_id=locked.pk, key_name=locked.name, overlap_seconds=overlap_seconds
        ),
        before=before,
        after=changes.told(locked, ("prefix", "last4")),
    )
    invalidation.service_keys_changed(locked.pk)
    return locked, minted.text


@transaction.atomic
def revoke_service_key(*, key: ServiceKey, by: User | None, at: datetime) -> ServiceKey:
    """End the service key for good; one that was revoked before stays as it is. Raises Forbidden."""
    _require_right(by)
    locked = ServiceKey.objects.select_for_update(of=("self",), no_key=True).get(pk=key.pk)
    if locked.revoked_at is not None:
        return locked
    locked.revoked_at = at
    locked.save(update_fields=["revoked_at", "updated_at"])
    publish(
        ServiceKeyRevoked(service_key_id=locked.pk, key_name=locked.name),
        **changes.of(revoked_at=(None, at)),
    )
    invalidation.service_keys_changed(locked.pk)
    return locked


def _require_right(by: User | None) -> None:
    if by is not None and not by.may(PlatformPermission.SERVICE_KEYS_WRITE):
        raise Forbidden(f"This needs the permission {PlatformPermission.SERVICE_KEYS_WRITE.value}.")


def _check(key: ServiceKey, at: datetime) -> None:
    faults = Faults()
    key.name = checked_name(key.name, faults)
    if not key.scopes:
        faults.note("#/scopes", "required", "A service key needs at least one scope.")
    key.scopes = checked_scopes(key.scopes, faults)
    key.ip_allowlist = checked_networks(key.ip_allowlist, faults)
    check_expiry(key.expires_at, at, faults)
    if faults:
        raise InvalidInput("Some settings of the service key are not valid.", errors=faults)


def _insert(key: ServiceKey) -> None:
    try:
        with transaction.atomic():
            key.save(force_insert=True)
    except IntegrityError:
        raise ServiceKeyNameTaken from None
