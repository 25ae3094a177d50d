"""Which configured keys are needed still, which can go, and which are missing."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, Q
from django.utils import timezone

from accounts.tokens import REFRESH_LIFETIME
from apikeys.models import Secret
from audit import signing
from audit.models import AuditSeal
from config.common import crypto, keyring, rotation
from config.examinations.findings import Finding


def encryption_keys() -> Iterator[Finding]:
    """Look which of ENCRYPTION_KEYS the secrets at rest need."""
    try:
        held = sum(rotation.keys_in_use().values(), Counter[str]())
    except DatabaseError:
        yield Finding("encryption", "cannot be read", "fix the database first")
        return
    newest, *older = crypto.key_ids()
    lost = sorted(held.keys() - {newest, *older})
    yield _key_finding("encryption", lost, "ENCRYPTION_KEYS") or Finding(
        "encryption", f"key {newest} holds {held[newest]} secrets"
    )
    for kid in older:
        if held[kid]:
            remedy = "run manage.py rotate_secrets"
            yield Finding("encryption", f"old key {kid} still holds {held[kid]} secrets", remedy)
        else:
            yield Finding("encryption", f"key {kid} can be removed from ENCRYPTION_KEYS")


def peppers() -> Iterator[Finding]:
    """Look which of KEY_PEPPERS the digests of API and service keys need."""
    now = timezone.now()
    good = (
        Q(expires_at=None) | Q(expires_at__gt=now),
        Q(api_key__revoked_at=None, service_key__revoked_at=None),
    )
    try:
        rows = Secret.objects.filter(*good).values_list("pepper_version").annotate(Count("pk"))
        used = {str(version): count for version, count in rows}
    except DatabaseError:
        yield Finding("peppers", "cannot be read", "fix the database first")
        return
    ids = keyring.ids_of(settings.KEY_PEPPERS)
    lost = sorted(used.keys() - set(ids))
    yield _key_finding("peppers", lost, "KEY_PEPPERS") or Finding(
        "peppers", f"pepper {ids[0]} serves {used.get(ids[0], 0)} key secrets"
    )
    for kid in ids[1:]:
        state = (
            f"pepper {kid} serves {used[kid]} key secrets until they are rotated"
            if kid in used
            else f"pepper {kid} can be removed from KEY_PEPPERS"
        )
        yield Finding("peppers", state)


def signing_keys() -> Iterator[Finding]:
    """Look which of JWT_SIGNING_KEYS no token that is still good was signed with."""
    entries, today = list(settings.JWT_SIGNING_KEYS), timezone.now().date()
    kept_for = REFRESH_LIFETIME + timedelta(days=1)
    gone = keyring.expired(entries, on=today, after=kept_for)
    yield Finding("signing", f"key {keyring.ids_of(entries)[0]} signs tokens")
    for kid in gone:
        yield Finding("signing", f"key {kid} can be removed from JWT_SIGNING_KEYS")


def seal_keys() -> Iterator[Finding]:
    """Look which of AUDIT_SIGNING_KEYS the seals of the audit log need."""
    try:
        kept = dict(AuditSeal.objects.values_list("key_id").annotate(Count("pk")))
    except DatabaseError:
        yield Finding("seals", "cannot be read", "fix the database first")
        return
    newest, *older = signing.key_ids()
    lost = sorted(kept.keys() - {newest, *older})
    derived = [kid for kid in lost if signing.is_derived(kid)]
    named = [kid for kid in lost if kid not in derived]
    if finding := _key_finding("seals", named, "AUDIT_SIGNING_KEYS"):
        yield finding
    if derived:
        state = f"{sum(kept[kid] for kid in derived)} were signed under an earlier SECRET_KEY"
        yield Finding("seals", state, "put that value into SECRET_KEY_FALLBACKS")
    if not lost:
        yield Finding(
            "seals", f"key {newest} signs; it made {kept.get(newest, 0)} of the seals kept"
        )
    for kid in older:
        if kid not in kept and not signing.is_derived(kid):
            yield Finding("seals", f"key {kid} can be removed from AUDIT_SIGNING_KEYS")


def own_keys() -> Iterator[Finding]:
    """Look which keys are derived from SECRET_KEY, and would change with it."""
    for name in ("GATEWAY_SIGNING_KEYS", "AUDIT_SIGNING_KEYS"):
        if not getattr(settings, name):
            state = f"{name} is not set: derived from SECRET_KEY, it changes with that"
            yield Finding("derived", state)
    if settings.SECRET_KEY_FALLBACKS:
        count = len(settings.SECRET_KEY_FALLBACKS)
        yield Finding("fallbacks", f"{count} earlier SECRET_KEY still accepted")


def _key_finding(subject: str, lost: list[str], setting: str) -> Finding | None:
    if not lost:
        return None
    names = ", ".join(lost)
    return Finding(subject, f"needs {names}, not configured", f"put {names} back into {setting}")
