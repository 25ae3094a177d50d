"""What a key may do at Tollgate's own API: its `tollgate:` scopes. Nobody gives a key more than they may do themselves."""

from collections.abc import Iterable, Sequence
from typing import Final

from apikeys.restrictions import Scopes
from config.common.errors import FieldError, Forbidden
from organizations.access import Tenant
from organizations.roles import Permission

# Scopes of the seller's API say nothing about Tollgate's own: only these, and never a mere `*`, open it. What could
# make more of a key than it is stays with people.
PLATFORM_SCOPE: Final = "tollgate:"
_OPEN_TO_KEYS: Final = frozenset(
    {
        Permission.ORGANIZATION_READ,
        Permission.MEMBERS_READ,
        Permission.KEYS_READ,
        Permission.USAGE_READ,
        Permission.WEBHOOKS_READ,
        Permission.WEBHOOKS_WRITE,
        Permission.BILLING_READ,
    }
)


def opened_by(scopes: Iterable[str]) -> frozenset[Permission]:
    """Return the permissions that a key with these scopes has in its organization."""
    ours = Scopes(scope for scope in scopes if scope.startswith(PLATFORM_SCOPE))
    return frozenset(one for one in _OPEN_TO_KEYS if ours.has(f"{PLATFORM_SCOPE}{one.value}"))


def require_held(tenant: Tenant, scopes: Sequence[str], *, besides: Iterable[str] = ()) -> None:
    """Raise Forbidden, which says where, unless the caller has all that the scopes open, besides what others do already."""
    spared = tenant.held | opened_by(besides)
    missing = {index: opened_by([scope]) - spared for index, scope in enumerate(scopes)}
    faults = [
        FieldError(
            pointer=f"#/scopes/{index}",
            code="not_held",
            message=f"The scope {scopes[index]} opens {', '.join(sorted(lacking))}, which you may not do yourself.",
            fix="Leave it out, or have somebody whose role permits it do this.",
        )
        for index, lacking in missing.items()
        if lacking
    ]
    if faults:
        wanted = min(frozenset().union(*missing.values()))
        detail = (
            f"This needs the permission {wanted.value}: nobody gives a key more than they have."
        )
        raise Forbidden(detail, errors=faults, permission=wanted.value)
