"""Noting who was refused what, so that staff sees somebody trying doors."""

from django.db import transaction

from config.common import ratelimit
from config.common.events import publish
from config.common.ratelimit import Rate
from organizations.access import Tenant
from organizations.roles import Permission
from organizations.signals import PermissionDenied

# A client that hammers at a closed door fills neither the log nor the disk.
_PACE = Rate(limit=10, per_seconds=60, burst=10)


def note(*, tenant: Tenant, permission: Permission) -> None:
    """Publish that the caller lacks a permission, at most ten times a minute for one person."""
    user_id = tenant.user.pk if tenant.user else None
    bucket = f"refused:{tenant.organization.pk}:{user_id}"
    if not ratelimit.take(bucket, _PACE).is_allowed:
        return
    with transaction.atomic():
        publish(
            PermissionDenied(
                organization_id=tenant.organization.pk, user_id=user_id, permission=permission.value
            )
        )
