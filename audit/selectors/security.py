"""What concerns security, and whom."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from accounts.models import User
from audit import vocabulary
from audit.models import SecurityEvent
from organizations.models import Organization, OrganizationMember


def security_events_of(organization: Organization) -> QuerySet[SecurityEvent]:
    """Return what concerns the security of an organization: its own events, and what befell its members' accounts.

    Of the latter only what an attacker does, and only since the person is a member; see `vocabulary.SHARED`.
    """
    memberships = OrganizationMember.objects.filter(
        organization=organization,
        user_id=OuterRef("user_id"),
        created_at__lte=OuterRef("created_at"),
    )
    of_members = Q(Exists(memberships), organization_id=None, name__in=vocabulary.SHARED)
    return SecurityEvent.objects.filter(Q(organization_id=organization.pk) | of_members)


def security_events_about(user: User) -> QuerySet[SecurityEvent]:
    """Return what concerns a person's own account."""
    return SecurityEvent.objects.filter(
        user_id=user.pk, organization_id=None, name__in=vocabulary.PERSONAL
    )


def narrowed(
    events: QuerySet[SecurityEvent],
    *,
    name: str = "",
    severity: str = "",
    user_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    acknowledged: bool | None = None,
) -> QuerySet[SecurityEvent]:
    """Keep the events that match every filter that is given; `until` is the first moment left out."""
    given = {
        "name": name or None,
        "severity": severity or None,
        "user_id": user_id,
        "created_at__gte": since,
        "created_at__lt": until,
        "acknowledged_at__isnull": None if acknowledged is None else not acknowledged,
    }
    return events.filter(**{lookup: value for lookup, value in given.items() if value is not None})


def people_of(events: Iterable[SecurityEvent]) -> dict[int, str]:
    """Return the addresses of the people whom events concern and of those who looked at them."""
    ids = {pk for event in events for pk in (event.user_id, event.acknowledged_by_id) if pk}
    return dict(User.objects.filter(pk__in=ids).values_list("pk", "email"))


def security_events_by_name(*, at: datetime) -> list[tuple[str, str, int]]:
    """Return name, severity and number of what was noted in the last hour, repetitions counted."""
    recent = SecurityEvent.objects.filter(created_at__gt=at - timedelta(hours=1))
    sums = recent.values("name", "severity").annotate(times=Sum("count"))
    return list(sums.order_by("name", "severity").values_list("name", "severity", "times"))


_EVENT_TAKEN_ALONG = (
    "name", "severity", "count", "ip", "user_agent", "request_id", "data", "created_at", "last_seen_at",
)  # fmt: skip


def personal_security_data_of(user: User) -> Iterator[dict[str, Any]]:
    """Yield what concerned the security of a person's account."""
    events = security_events_about(user).order_by("pk")
    yield from events.values(*_EVENT_TAKEN_ALONG).iterator()
