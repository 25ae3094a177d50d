"""Permissions on single objects, beyond a member's role: given, listed and taken away through guardian's own rows."""

from collections.abc import Iterable
from typing import Any, NoReturn

from django.contrib.auth.models import Permission as DjangoPermission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model

from config.common import changes
from config.common.errors import Forbidden, InvalidInput, NotFound
from config.common.events import publish
from organizations import access, grantable
from organizations.access import Tenant
from organizations.grantable import Kind
from organizations.models import ObjectGrant, Organization
from organizations.roles import Permission, known
from organizations.signals import GrantAdded, GrantRemoved


@transaction.atomic
def give(
    *, tenant: Tenant, user_id: int, permission: str, kind: str, object_id: int
) -> tuple[ObjectGrant, bool]:
    """Give a member one permission on one object; return the grant, and whether it is new.

    Nobody gives what they do not have themselves, to themselves, or to who has more than they. Raises InvalidInput,
    Forbidden, or NotFound for a member or an object that the organization does not have.
    """
    tenant = access.locked(tenant)
    tenant.require(Permission.MEMBERS_WRITE)
    wanted, of_kind = _grantable(permission, kind)
    tenant.require(wanted)
    holder = access.memberships().filter(organization=tenant.organization, user_id=user_id).first()
    if holder is None:
        raise NotFound
    if tenant.user is not None and tenant.user.pk == user_id:
        # It would outlast the role that they have it from.
        raise Forbidden("Nobody gives a permission to themselves.")
    tenant.require_all(access.held_by(holder))
    row = _object(tenant, of_kind, object_id)
    grant, is_new = ObjectGrant.objects.get_or_create(
        user_id=user_id,
        permission=_django_permission(of_kind, wanted),
        object_pk=str(row.pk),
        defaults={
            "content_type": ContentType.objects.get_for_model(of_kind.model),
            "organization": tenant.organization,
            "member": holder,
            "granted_by": tenant.user,
        },
    )
    if is_new:
        publish(GrantAdded(**_told(grant, wanted, of_kind)), after=changes.told(grant))
    return grant, is_new


@transaction.atomic
def take(*, tenant: Tenant, grant_id: int) -> None:
    """Take a permission on one object away. Raises NotFound, or Forbidden for what the caller has not themselves."""
    tenant = access.locked(tenant)
    tenant.require(Permission.MEMBERS_WRITE)
    rows = tenant.organization.object_grants.select_related("permission__content_type")
    grant = rows.filter(pk=grant_id).first()
    if grant is None:
        raise NotFound
    permission, kind = meaning_of(grant)
    tenant.require(permission)
    publish(GrantRemoved(**_told(grant, permission, kind)), before=changes.told(grant))
    grant.delete()


@transaction.atomic
def take_all(*, organization_id: int) -> None:
    """Take away everything that an organization granted on single objects; the caller holds its lock."""
    rows = ObjectGrant.objects.filter(organization_id=organization_id).order_by("pk")
    for grant in rows.select_related("permission__content_type").select_for_update(of=("self",)):
        permission, kind = meaning_of(grant)
        publish(GrantRemoved(**_told(grant, permission, kind)), before=changes.told(grant))
        grant.delete()


def meaning_of(grant: ObjectGrant) -> tuple[Permission, Kind]:
    """Return which permission of the catalogue a row stands for, and on what kind of object."""
    kind = grantable.of(grant.permission)
    if kind is None:
        raise NotFound
    return grantable.permission_called(kind, grant.permission.codename), kind


@transaction.atomic
def forget_object(*, model: type[Model], object_ids: Iterable[int]) -> None:
    """Delete what was granted on objects that are deleted."""
    ObjectGrant.objects.filter(
        content_type=ContentType.objects.get_for_model(model),
        object_pk__in=[str(one) for one in object_ids],
    ).delete()


def _told(grant: ObjectGrant, permission: Permission, kind: Kind) -> dict[str, Any]:
    return {
        "organization_id": grant.organization_id,
        "grant_id": grant.pk,
        "user_id": grant.user_id,
        "permission": permission.value,
        "kind": kind.name,
        "object_id": int(grant.object_pk),
    }


def _grantable(permission: str, kind_name: str) -> tuple[Permission, Kind]:
    kind = grantable.kind_called(kind_name)
    if kind is None:
        names = ", ".join(one.name for one in grantable.kinds())
        _refuse("#/kind", f"Permissions can be given on: {names}.")
    wanted = next(iter(known([permission])), None)
    if wanted is None or wanted not in kind.codenames:
        names = ", ".join(sorted(one.value for one in kind.codenames))
        _refuse("#/permission", f"On this kind of object can be given: {names}.")
    return wanted, kind


def _object(tenant: Tenant, kind: Kind, object_id: int) -> Model:
    if kind.model is Organization:
        if object_id != tenant.organization.pk:
            raise NotFound
        return tenant.organization
    return access.row_of(tenant, kind.model._default_manager.all(), pk=object_id)  # noqa: SLF001


def _django_permission(kind: Kind, permission: Permission) -> DjangoPermission:
    meta = kind.model._meta  # noqa: SLF001  public in all but name
    return DjangoPermission.objects.select_related("content_type").get(
        content_type__app_label=meta.app_label,
        content_type__model=meta.model_name,
        codename=kind.codenames[permission],
    )


def _refuse(pointer: str, message: str) -> NoReturn:
    raise InvalidInput.at(pointer, code="unknown", message=message)
