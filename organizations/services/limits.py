"""What limits an organization: staff's overrides of the plan, and the seats that billing pushes down."""

from collections.abc import Sequence
from typing import TypedDict

from django.db import transaction
from django.utils import timezone

from config.common.errors import InvalidInput
from config.common.events import publish
from organizations import access
from organizations.models import Organization
from organizations.signals import OrganizationLimitsChanged


class Limits(TypedDict):
    """An override of the plan's limits; None leaves the plan's number in force."""

    rate_limit: int | None
    rate_per_seconds: int | None
    rate_burst: int | None
    quota_limit: int | None


@transaction.atomic
def override_limits(*, organization: Organization, limits: Limits) -> Organization:
    """Put limits above the plan's; they hold at the gate within two seconds.

    Raises InvalidInput or OrganizationIsClosed.
    """
    _require_complete(limits)
    locked = access.lock_open(organization.pk)
    after = dict(limits)
    before = {name: getattr(locked, name) for name in after}
    if before == after:
        return locked
    for name, value in after.items():
        setattr(locked, name, value)
    locked.save(update_fields=[*after, "updated_at"])
    publish(OrganizationLimitsChanged(organization_id=locked.pk, before=before, after=after))
    return locked


def _require_complete(limits: Limits) -> None:
    rate = (limits["rate_limit"], limits["rate_per_seconds"], limits["rate_burst"])
    if all(part is None for part in rate) or all(part is not None and part > 0 for part in rate):
        return
    message = "A rate needs a limit, its seconds and a burst, all above zero, or none of them."
    raise InvalidInput.at("#/rate_limit", code="rate", message=message)


def set_seat_limit(*, organization_ids: Sequence[int], seats: int | None) -> None:
    """Take over how many members the plan allows; None allows any number.

    The rows are written even if the number stays the same: that raises the versions by which the gate learns that
    the plan behind them has changed.
    """
    organizations = Organization.objects.filter(pk__in=organization_ids)
    organizations.update(seat_limit=seats, updated_at=timezone.now())
