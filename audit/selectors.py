"""Questions about the log: is it as it was written, and what of it concerns security and whom."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum

from accounts.models import User
from audit import vocabulary
from audit.chaining import COVERED, GENESIS, PLATFORM_CHAIN, hash_of
from audit.models import AuditChain, AuditLog, SecurityEvent
from organizations.models import Organization, OrganizationMember

# How people act: for themselves, or at work for somebody else.
PEOPLE = ("user", "staff")


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where a chain is not as it was written."""

    chain: int
    sequence: int
    kind: str
    detail: str


def chains() -> list[int]:
    """Return every chain that should be there, those included whose head or whose entries are gone."""
    headed = AuditChain.objects.values_list("chain", flat=True)
    written = AuditLog.objects.values_list("chain", flat=True).distinct()
    # The log of an organization begins with its creation.
    begun = Organization.objects.values_list("pk", flat=True)
    return sorted({PLATFORM_CHAIN, *headed, *written, *begun})


def length_of(chain: int) -> int:
    """Return how many entries a chain has."""
    return AuditLog.objects.filter(chain=chain).count()


def first_fault(chain: int) -> Fault | None:
    """Walk a chain from its beginning and return the first fault: an edited, deleted, inserted or reordered entry."""
    sequence, digest = 0, GENESIS
    while True:
        reached = sequence
        for entry in _entries(chain, after=reached):
            fault = _fault_of(entry, sequence + 1, digest)
            if fault is not None:
                return fault
            sequence, digest = entry.sequence, bytes(entry.hash)
        head = AuditChain.objects.filter(chain=chain).first()
        # A head that is ahead of us may have moved on while we walked: look whether the entries are there.
        if head is None or head.sequence <= sequence or sequence == reached:
            return _fault_of_head(head, chain, sequence, digest)


def _entries(chain: int, *, after: int) -> Iterator[AuditLog]:
    entries = AuditLog.objects.filter(chain=chain, sequence__gt=after)
    return entries.order_by("sequence").iterator(chunk_size=1_000)


def _fault_of(entry: AuditLog, expected: int, previous: bytes) -> Fault | None:
    if entry.sequence != expected:
        return Fault(entry.chain, expected, "deleted", f"Entry {expected} is missing.")
    values = {name: getattr(entry, name) for name in (*COVERED, "occurred_at")}
    is_whole = hash_of(values, bytes(entry.previous_hash)) == bytes(entry.hash)
    follows = bytes(entry.previous_hash) == previous
    if is_whole and follows:
        return None
    if follows:
        return _fault(entry, "edited", "is not what was written")
    if _elsewhere(entry, previous):
        return _fault(entry, "reordered", "stands in another one's place")
    return _fault(entry, "inserted", "does not follow the one before it")


def _elsewhere(entry: AuditLog, previous: bytes) -> bool:
    # The entry that belongs here names the hash before it, wherever it stands now.
    others = AuditLog.objects.filter(chain=entry.chain, previous_hash=previous)
    return others.exclude(pk=entry.pk).exists()


def _fault(entry: AuditLog, kind: str, what: str) -> Fault:
    return Fault(
        entry.chain, entry.sequence, kind, f"Entry {entry.sequence} (row {entry.pk}) {what}."
    )


def _fault_of_head(
    head: AuditChain | None, chain: int, sequence: int, digest: bytes
) -> Fault | None:
    if head is None and sequence == 0 and chain == PLATFORM_CHAIN:
        return None
    if head is None:
        return Fault(chain, 0, "deleted", "The head of the chain is missing.")
    if head.sequence > sequence:
        return Fault(
            chain, sequence + 1, "deleted", f"Entry {sequence + 1} and what follows are missing."
        )
    if head.sequence < sequence:
        return Fault(
            chain,
            head.sequence + 1,
            "inserted",
            f"Entry {head.sequence + 1} was added behind the end.",
        )
    if bytes(head.hash) != digest:
        return Fault(
            chain, sequence, "edited", f"Entry {sequence} is not the one that was written last."
        )
    return None


def searched(entries: QuerySet[AuditLog], text: str) -> QuerySet[AuditLog]:
    """Keep the entries of a request id, of a person by their e-mail, or of an organization by its id."""
    if not text:
        return entries
    if "@" in text:
        people = User.objects.filter(email__iexact=text).values_list("pk", flat=True)
        return entries.filter(actor_type__in=PEOPLE, actor_id__in=list(people))
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return entries.filter(organization_id=int(text))
    return entries.filter(request_id=text)


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


def activity_of(user: User) -> QuerySet[AuditLog]:
    """Return what a person did, and what was done to their account."""
    own = Q(actor_type__in=PEOPLE, actor_id=user.pk) | Q(target_type="user", target_id=user.pk)
    return AuditLog.objects.filter(own).annotate(created_at=F("occurred_at"))


_TAKEN_ALONG = ("occurred_at", "event", "summary", "organization_id", "data")
_OWN_CIRCUMSTANCES = ("ip", "user_agent", "request_id", "old_values", "new_values")


def personal_data_of(user: User) -> Iterator[dict[str, Any]]:
    """Yield the entries of a person's activity; whence somebody else acted is not theirs to know."""
    for entry in activity_of(user).order_by("pk").iterator():
        row = {name: getattr(entry, name) for name in _TAKEN_ALONG}
        row["by"] = "you" if is_by(user, entry) else entry.actor_type
        if is_by(user, entry):
            row |= {name: getattr(entry, name) for name in _OWN_CIRCUMSTANCES}
        yield row


def is_by(user: User, entry: AuditLog) -> bool:
    """Whether the person did it themselves."""
    return entry.actor_type in PEOPLE and entry.actor_id == user.pk


_EVENT_TAKEN_ALONG = (
    "name", "severity", "count", "ip", "user_agent", "request_id", "data", "created_at", "last_seen_at",
)  # fmt: skip


def personal_security_data_of(user: User) -> Iterator[dict[str, Any]]:
    """Yield what concerned the security of a person's account."""
    events = security_events_about(user).order_by("pk")
    yield from events.values(*_EVENT_TAKEN_ALONG).iterator()
