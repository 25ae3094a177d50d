"""What an organization's security policy asks of its keys: scopes from a list, and an end in time."""

from datetime import datetime, timedelta
from typing import Any, cast

from django.db import transaction

from accounts.services import notices
from apikeys import selectors
from apikeys.models import ApiKey
from apikeys.restrictions import Scopes
from apikeys.services.key_checks import ChangesT
from config.common.errors import FieldError, InvalidInput
from organizations import access
from organizations.models import Organization, OrganizationMember, Role


def held_to(
    settings: ChangesT, *, organization: Organization, made_at: datetime, is_new: bool = False
) -> ChangesT:
    """Return checked settings as the policy allows them, or raise InvalidInput with every fault.

    A key that is given no end, or loses the one it had, gets the last one that the policy allows.
    """
    held: dict[str, Any] = dict(settings)
    faults = _scope_faults(held.get("scopes", []), organization.allowed_scopes)
    days = organization.max_key_age_days
    if days is not None and (is_new or "expires_at" in held):
        latest = made_at + timedelta(days=days)
        held["expires_at"] = held.get("expires_at") or latest
        if held["expires_at"] > latest:
            faults.append(_too_old(days, latest))
    if faults:
        raise InvalidInput("The organization's security policy does not allow this.", errors=faults)
    return cast("ChangesT", held)


def _scope_faults(scopes: list[str], allowed: list[str]) -> list[FieldError]:
    if not allowed:
        return []
    listed = Scopes(allowed)
    return [
        FieldError(
            pointer=f"#/scopes/{index}",
            code="not_allowed",
            message=f"The organization's security policy does not allow the scope {scope}.",
            fix=f"Choose among {', '.join(allowed)}, or have the policy changed.",
        )
        for index, scope in enumerate(scopes)
        if not listed.has(scope)
    ]


def _too_old(days: int, latest: datetime) -> FieldError:
    return FieldError(
        pointer="#/expires_at",
        code="too_late",
        message=f"The organization's security policy lets a key grow {days} days old at most.",
        fix=f"Choose {latest:%Y-%m-%dT%H:%M:%SZ} or earlier.",
    )


@transaction.atomic
def tell_of_outdated(*, organization_id: int, at: datetime, is_new_policy: bool = False) -> None:
    """Tell an organization's owners in the portal how many keys have grown older than its policy allows, of each key once.

    Under a new policy they are told of all there are. Nothing happens to the keys: what they open is the organization's
    to move over first.
    """
    organization = access.lock(organization_id)
    keys = ApiKey.objects.of(organization)
    if is_new_policy:
        keys.exclude(outdated_told_at=None).update(outdated_told_at=None)
    untold = keys.filter(selectors.outdated(at), outdated_told_at=None)
    count = untold.update(outdated_told_at=at)
    if not count:
        return
    owners = OrganizationMember.objects.filter(organization=organization, role=Role.OWNER)
    notices.notify(
        users=list(owners.values_list("user_id", flat=True)),
        kind="api_key.outdated",
        title=f"{count} key{'s are' if count > 1 else ' is'} older than {organization.max_key_age_days} days",
        body="The security policy allows no such key. They work until they are revoked: replace them first.",
        link="/keys/?status=outdated",
    )


def tell_of_those_grown_old(*, at: datetime) -> None:
    """Tell the owners of every organization of the keys that have grown too old since they were last told."""
    untold = ApiKey.objects.filter(selectors.outdated(at), outdated_told_at=None)
    for organization_id in set(untold.values_list("organization_id", flat=True)):
        tell_of_outdated(organization_id=organization_id, at=at)
