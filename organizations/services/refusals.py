"""Noting who was refused what, so that somebody trying doors is seen."""

from django.apps import apps
from django.db.models import Model, QuerySet

from config.common import sightings
from organizations.access import Tenant
from organizations.models import Organization
from organizations.roles import Permission
from organizations.signals import ForeignRowRequested, PermissionDenied


def note(*, tenant: Tenant, permission: Permission) -> None:
    """Publish that the caller lacks a permission."""
    user_id = tenant.user.pk if tenant.user else None
    sightings.tell(
        PermissionDenied(
            organization_id=tenant.organization.pk, user_id=user_id, permission=permission.value
        ),
        bucket=f"refused:{tenant.organization.pk}:{user_id}",
    )


def look_into_absence(
    *, model: str, row_id: int, user_id: int | None, organization_id: int | None
) -> bool:
    """Publish that somebody asked for another organization's row; return whether it was one."""
    kind = apps.get_model(model)
    owner_id = _owner_of(kind, row_id)
    if owner_id is None or owner_id == organization_id:
        return False
    sightings.tell(
        ForeignRowRequested(
            user_id=user_id,
            from_organization_id=organization_id,
            of_organization_id=owner_id,
            kind=str(kind._meta.verbose_name),  # noqa: SLF001  public in all but name
            row_id=row_id,
        ),
        bucket=f"foreign:{organization_id}:{user_id}",
    )
    return True


def _owner_of(kind: type[Model], row_id: int) -> int | None:
    """Return the id of the organization that a row belongs to; an organization belongs to itself."""
    field = "pk" if kind is Organization else "organization_id"
    found: int | None = QuerySet(kind).filter(pk=row_id).values_list(field, flat=True).first()
    return found
