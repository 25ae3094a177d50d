"""Who may come into an organization, and what its keys may be. Nobody can lock themselves out with it."""

import re
from collections.abc import Mapping
from typing import TypedDict

from django.db import transaction

from accounts.models import User
from accounts.services import factors
from config.common import mail
from config.common.addresses import parse_network
from config.common.changes import assign
from config.common.errors import Conflict, Faults, InvalidInput
from config.common.events import publish
from organizations import access
from organizations.access import Tenant
from organizations.models import Organization
from organizations.roles import Permission
from organizations.signals import SecurityPolicyChanged

MAX_ENTRIES = 50
MAX_KEY_AGE_DAYS = 3650
MAX_SCOPE_LENGTH = 100
# What keys may be given is written like what they are given: words or `*`, joined by colons, dots or slashes.
_SCOPE = re.compile(r"(?:[A-Za-z0-9_-]+|\*)(?:[:./](?:[A-Za-z0-9_-]+|\*))*")


class WouldLockYouOut(Conflict):
    """With this policy you could not come in any more to change it back."""

    code = "would_lock_you_out"
    title = "The policy would lock you out"
    fix = "Meet the policy yourself first: turn on two-factor authentication, or list the address you come from."


class Policy(TypedDict, total=False):
    """What an organization can ask for; empty lists and None ask for nothing."""

    requires_two_factor: bool
    max_key_age_days: int | None
    allowed_scopes: list[str]
    console_networks: list[str]


@transaction.atomic
def change_policy(*, tenant: Tenant, changes: Policy) -> Organization:
    """Change what is given of the policy; it holds for everybody's next request and for keys made from now on.

    Members who do not meet a new demand for a second factor are told by mail how to. Raises Forbidden, InvalidInput,
    and WouldLockYouOut where the author could not come in any more.
    """
    tenant = access.locked(tenant)
    tenant.require(Permission.SECURITY_WRITE)
    organization = tenant.organization
    clean = _checked(changes)
    before, after = assign(organization, clean)
    if not after:
        return organization
    _require_author_inside(tenant, organization, after)
    organization.save(update_fields=[*after, "updated_at"])
    publish(SecurityPolicyChanged(organization_id=organization.pk, before=before, after=after))
    if after.get("requires_two_factor"):
        _tell_how(organization)
    return organization


def _checked(changes: Policy) -> Policy:
    clean: Policy = {**changes}
    faults = Faults()
    if "allowed_scopes" in clean:
        clean["allowed_scopes"] = list(dict.fromkeys(clean["allowed_scopes"]))
        _check_scopes(clean["allowed_scopes"], faults)
        _note_excess(clean["allowed_scopes"], "allowed_scopes", faults)
    if "console_networks" in clean:
        clean["console_networks"] = _networks(clean["console_networks"], faults)
    days = clean.get("max_key_age_days")
    if days is not None and not 1 <= days <= MAX_KEY_AGE_DAYS:
        message = f"A key's greatest age is a whole number of days from 1 to {MAX_KEY_AGE_DAYS:,}."
        faults.note("#/max_key_age_days", "out_of_range", message)
    if faults:
        raise InvalidInput("The policy is not valid.", errors=faults)
    return clean


def _check_scopes(scopes: list[str], faults: Faults) -> None:
    fix = "Write words joined by colons, such as orders:read, orders:* or *."
    for index, scope in enumerate(scopes):
        if len(scope) > MAX_SCOPE_LENGTH or not _SCOPE.fullmatch(scope):
            faults.note(f"#/allowed_scopes/{index}", "scope", "This is not a scope.", fix)


def _networks(texts: list[str], faults: Faults) -> list[str]:
    clean: dict[str, None] = {}
    for index, text in enumerate(texts):
        try:
            clean[str(parse_network(text))] = None
        except ValueError:
            message = "This is not an address or network."
            fix = (
                "Write an address or network, such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32."
            )
            faults.note(f"#/console_networks/{index}", "network", message, fix)
    _note_excess(texts, "console_networks", faults)
    return list(clean)


def _note_excess(entries: list[str], name: str, faults: Faults) -> None:
    if len(entries) > MAX_ENTRIES:
        faults.note(f"#/{name}", "too_many", f"At most {MAX_ENTRIES} entries.")


def _require_author_inside(
    tenant: Tenant, organization: Organization, after: Mapping[str, object]
) -> None:
    """Staff and operators are not held by the policy; a member has to meet it."""
    if tenant.user is None:
        return
    if "console_networks" in after and not access.is_listed(organization.console_networks):
        raise WouldLockYouOut("The address you come from is not in the list.")
    if after.get("requires_two_factor") and not factors.has_second_factor(tenant.user):
        raise WouldLockYouOut("Your own account has no second factor.")


def _tell_how(organization: Organization) -> None:
    people = User.objects.filter(memberships__organization=organization).order_by("pk")
    for person in people:
        if person.is_active and not factors.has_second_factor(person):
            values = {"user": person, "organization": organization}
            mail.send("organizations/two_factor_required", to=person.email, values=values)
