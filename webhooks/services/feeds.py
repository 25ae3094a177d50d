"""Polling: consumers say up to where they have dealt with the feed of their organization."""

from datetime import datetime

from django.db import connection, transaction

from accounts.models import User
from config.common.errors import Conflict, InvalidInput
from organizations import access
from organizations.models import Organization
from organizations.roles import Permission
from webhooks import selectors
from webhooks.models import FeedPosition

MAX_CONSUMERS = 20
# One statement, so that of two acknowledgments at once the further one stays, whichever comes last.
_ADVANCE = """
INSERT INTO webhooks_feedposition AS p (organization_id, consumer, position, acknowledged_at)
VALUES (%s, %s, %s, %s)
ON CONFLICT (organization_id, consumer) DO UPDATE
SET position = greatest(p.position, excluded.position), acknowledged_at = excluded.acknowledged_at
RETURNING id
"""


class TooManyConsumers(Conflict):
    """The organization has as many consumers of its feed as it may have."""

    code = "too_many_consumers"
    title = "No further consumer is allowed"
    fix = "Use a consumer's name that exists; `default` is one."
    members = {"limit": ("How many there may be.", 20)}


@transaction.atomic
def acknowledge(
    *,
    organization: Organization,
    consumer: str,
    position: int,
    at: datetime,
    by: User | None = None,
) -> FeedPosition:
    """Move a consumer ahead to a position of the feed and return where it is; it never moves back.

    Raises InvalidInput for a position that the feed has not come to yet, TooManyConsumers, or what
    `access.lock_open_for` raises.
    """
    if position > selectors.end_of_feed(organization):
        raise InvalidInput.at(
            "#/position",
            code="position",
            message="The feed has not come to this position yet.",
            fix="Use `position` of an answer of the feed.",
        )
    # Another acknowledgment waits.
    access.lock_open_for(organization.pk, by=by, permission=Permission.WEBHOOKS_WRITE)
    known = FeedPosition.objects.filter(organization=organization)
    if not known.filter(consumer=consumer).exists() and known.count() >= MAX_CONSUMERS:
        raise TooManyConsumers(f"There are {MAX_CONSUMERS} consumers.", limit=MAX_CONSUMERS)
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, [organization.pk, consumer, position, at])
        (pk,) = cursor.fetchone()
    return FeedPosition.objects.get(pk=pk)
