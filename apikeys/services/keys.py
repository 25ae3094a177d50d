"""The verbs of customers' keys. A secret is returned once by the verb that mints it and is kept nowhere."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import User
from accounts.services import registration
from apikeys.models import ApiKey
from apikeys.restrictions import Refill
from apikeys.services import counters, invalidation, key_policy, platform_scopes, rotation
from apikeys.services.key_checks import KeyChanges, KeySettings, checked
from apikeys.signals import KeyCreated, KeyRevoked, KeyRotated, KeyUpdated
from billing import selectors as billing
from config.common import changes
from config.common.errors import Conflict
from config.common.events import publish
from config.common.overlap import require_overlap
from organizations import access
from organizations.access import Tenant
from organizations.models import Organization
from organizations.roles import Permission

_SECOND = timedelta(seconds=1)
_COUNTED_LIMITS = {"quota_limit", "quota_period", "credits_micro", "credits_refill"}


class KeyLimitReached(Conflict):
    """The plan allows no further key."""

    code = "api_key_limit_reached"
    title = "No further key is allowed"
    fix = "Revoke a key that is no longer needed, or choose a plan with more keys."
    members = {"limit": ("How many there may be.", 10)}
    answered_by = ("api_keys_create",)


class KeyIsRevoked(Conflict):
    """The key was revoked; that cannot be undone."""

    code = "api_key_revoked"
    title = "The key is revoked"
    fix = "Create a new key."
    answered_by = ("api_keys_update", "api_keys_rotate")


class KeyHasExpired(Conflict):
    """The key is past its end: a new secret would work no more than the old one."""

    code = "api_key_expired"
    title = "The key has expired"
    fix = "Give the key a later end first."
    answered_by = ("api_keys_rotate",)


@transaction.atomic
def create_key(
    *, organization: Organization, created_by: User | None, settings: KeySettings, at: datetime
) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret.

    Keys are counted under a lock on the organization, revoked ones not. Raises EmailNotVerified, InvalidInput,
    KeyLimitReached, Forbidden for more than its author may do, or what `access.lock_open_for` raises.
    """
    if created_by is not None:
        registration.require_verified(created_by)
    tenant = access.lock_open_for(organization.pk, by=created_by, permission=Permission.KEYS_WRITE)
    allowance = billing.allowance_of(tenant.organization)
    clean = checked(settings, allowance=allowance, at=at)
    clean = key_policy.held_to(clean, organization=tenant.organization, made_at=at, is_new=True)
    platform_scopes.require_held(tenant, clean.get("scopes", []))
    _require_room(organization, allowance.key_limit)
    minted = rotation.mint(clean["environment"])
    key = ApiKey.objects.create(
        organization=organization,
        created_by=created_by,
        prefix=minted.prefix,
        last4=minted.last4,
        **_columns(clean, at),
    )
    rotation.keep(minted, api_key=key)
    publish(
        KeyCreated(
            organization_id=organization.pk,
            api_key_id=key.pk,
            key_name=key.name,
            environment=key.environment,
        ),
        after=changes.told(key),
    )
    return key, minted.text


@transaction.atomic
def update_key(
    *, key: ApiKey, settings: KeyChanges, at: datetime, by: User | None = None
) -> ApiKey:
    """Change the given settings and return the key; nothing happens when they are as they were.

    The organization is locked, too: the security policy that the key is held to is the one in force when it commits.
    Raises InvalidInput, KeyIsRevoked, Forbidden for more than its author may do, or what `access.lock_open_for` raises.
    """
    tenant = _lock_for(key, by)
    locked = _locked(key)
    allowance = billing.allowance_of(tenant.organization)
    clean = key_policy.held_to(
        checked(settings, allowance=allowance, at=at),
        organization=tenant.organization,
        made_at=locked.created_at,
    )
    platform_scopes.require_held(tenant, clean.get("scopes", []), besides=locked.scopes)
    columns = _columns(clean, at)
    if "disabled_at" in columns and (columns["disabled_at"] is None) == (
        locked.disabled_at is None
    ):
        del columns["disabled_at"]
    changed = {name: value for name, value in columns.items() if getattr(locked, name) != value}
    if not changed:
        return locked
    before = {name: getattr(locked, name) for name in changed}
    _apply(changed, to=locked, at=at)
    publish(
        KeyUpdated(
            organization_id=locked.organization_id,
            api_key_id=locked.pk,
            key_name=locked.name,
            before=_told(before),
            after=_told(changed),
        )
    )
    invalidation.keys_changed(locked.pk)
    if _COUNTED_LIMITS & changed.keys():
        counters.catch_up(locked.pk)
    return locked


@transaction.atomic
def rotate_key(
    *, key: ApiKey, overlap_seconds: int, at: datetime, by: User | None = None
) -> tuple[ApiKey, str]:
    """Give the key a new secret and return both; every older secret works for the overlap at most.

    An older secret never outlives the key's own expiry, nor the end an earlier rotation set for it. Raises
    InvalidInput, KeyIsRevoked, KeyHasExpired, or what `access.lock_open_for` raises.
    """
    require_overlap(overlap_seconds, at_most=rotation.MAX_OVERLAP_SECONDS)
    tenant = _lock_for(key, by)
    locked = _locked(key)
    # Whoever has the secret may do what the key may.
    platform_scopes.require_held(tenant, locked.scopes)
    if locked.expires_at is not None and locked.expires_at <= at:
        raise KeyHasExpired
    before = changes.told(locked, ("prefix", "last4"))
    rotation.retire(locked, at=at, overlap_seconds=overlap_seconds)
    minted = rotation.mint(locked.environment)
    rotation.keep(minted, api_key=locked)
    locked.prefix, locked.last4 = minted.prefix, minted.last4
    # Saving the key's own row, even if prefix and last4 were equal, raises the version that gates compare.
    locked.save(update_fields=["prefix", "last4", "updated_at"])
    publish(
        KeyRotated(
            organization_id=locked.organization_id,
            api_key_id=locked.pk,
            key_name=locked.name,
            overlap_seconds=overlap_seconds,
        ),
        before=before,
        after=changes.told(locked, ("prefix", "last4")),
    )
    invalidation.keys_changed(locked.pk)
    return locked, minted.text


@transaction.atomic
def revoke_key(*, key: ApiKey, at: datetime, by: User | None = None) -> ApiKey:
    """End the key and all its secrets for good; a key that was revoked before stays as it is.

    Raises what `access.lock_open_for` raises where a person asks.
    """
    if by is not None:
        _lock_for(key, by)
    locked = ApiKey.objects.select_for_update(of=("self",), no_key=True).get(pk=key.pk)
    if locked.revoked_at is not None:
        return locked
    locked.revoked_at = at
    locked.save(update_fields=["revoked_at", "updated_at"])
    publish(
        KeyRevoked(
            organization_id=locked.organization_id, api_key_id=locked.pk, key_name=locked.name
        ),
        **changes.of(revoked_at=(None, at)),
    )
    invalidation.keys_changed(locked.pk)
    return locked


@transaction.atomic
def revoke_keys_where_member(*, user_id: int, at: datetime) -> None:
    """End every key of the organizations that a person belongs to."""
    keys = ApiKey.objects.unrevoked().filter(organization__members__user_id=user_id)
    for key in keys.order_by("pk"):
        revoke_key(key=key, at=at)


@transaction.atomic
def revoke_keys_made_by(*, user_id: int, at: datetime) -> None:
    """End every key that a person made, whichever organization it belongs to."""
    keys = ApiKey.objects.unrevoked().filter(created_by_id=user_id)
    of = sorted(set(keys.values_list("organization_id", flat=True)))
    # First the organizations, as whoever changes one of their keys.
    list(Organization.objects.select_for_update(no_key=True).filter(pk__in=of).order_by("pk"))
    for key in keys.order_by("organization_id", "pk"):
        revoke_key(key=key, at=at)


@transaction.atomic
def revoke_keys_of(*, organization_id: int, at: datetime) -> None:
    """End every key of an organization."""
    keys = ApiKey.objects.unrevoked().filter(organization_id=organization_id)
    for key in keys.order_by("pk"):
        revoke_key(key=key, at=at)


def hold_keys_of(organization_id: int) -> None:
    """Lock an organization's keys for the rest of the transaction."""
    keys = ApiKey.objects.unrevoked().filter(organization_id=organization_id).order_by("pk")
    list(keys.select_for_update(no_key=True).values_list("pk"))


def _lock_for(key: ApiKey, by: User | None) -> Tenant:
    return access.lock_open_for(
        key.organization_id, by=by, permission=Permission.KEYS_WRITE, on=key
    )


def _locked(key: ApiKey) -> ApiKey:
    locked = ApiKey.objects.select_for_update(no_key=True).get(pk=key.pk)
    if locked.revoked_at is not None:
        raise KeyIsRevoked
    return locked


def _apply(changed: dict[str, Any], *, to: ApiKey, at: datetime) -> None:
    """Write changed columns. Credits that a key had not before pay for none of the calls it made until then."""
    had_lasting_credits = to.credits_micro is not None and to.credits_refill == Refill.NONE
    for name, value in changed.items():
        setattr(to, name, value)
    has_lasting_credits = to.credits_micro is not None and to.credits_refill == Refill.NONE
    if has_lasting_credits and not had_lasting_credits:
        to.credits_since = _since(to.credits_since, at)
    to.save(update_fields=[*changed, "credits_since", "updated_at"])


def _since(before: datetime | None, at: datetime) -> datetime:
    """Return from when on new credits pay: a later second than any before, since counters are named by it."""
    return at if before is None else max(at, before + _SECOND)


def _require_room(organization: Organization, key_limit: int | None) -> None:
    if key_limit is None:
        return
    if ApiKey.objects.of(organization).unrevoked().count() >= key_limit:
        raise KeyLimitReached(
            f"The plan's limit of keys, {key_limit}, is reached.", limit=key_limit
        )


def _columns(settings: KeyChanges, at: datetime) -> dict[str, Any]:
    columns: dict[str, Any] = dict(settings)
    if "enabled" in columns:
        columns["disabled_at"] = None if columns.pop("enabled") else at
    return columns


def _told(columns: dict[str, Any]) -> dict[str, Any]:
    """Return the columns as an event tells them: the switch goes by its own name."""
    told = {name: value for name, value in columns.items() if name != "disabled_at"}
    if "disabled_at" in columns:
        told["enabled"] = columns["disabled_at"] is None
    return told
