"""Is the log as it was written? Walks hash chains and names the first entry that is not."""

from collections.abc import Iterator
from dataclasses import dataclass

from audit.chaining import COVERED, GENESIS, PLATFORM_CHAIN, hash_of
from audit.models import AuditChain, AuditLog
from organizations.models import Organization


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
