"""Is the log as it was written? Walks hash chains and names the first entry that is not."""

from collections.abc import Iterator
from dataclasses import dataclass

from audit import signing
from audit.chaining import COVERED, GENESIS, PLATFORM_CHAIN, hash_of
from audit.models import AuditChain, AuditLog, AuditSeal
from organizations.models import Organization


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where a chain is not as it was written."""

    chain: int
    sequence: int
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Seals:
    """What signatures say of a chain: from where it is checked, and which hashes stood at which places."""

    start: int
    digest: bytes
    leftover: dict[int, bytes]
    heads: dict[int, bytes]
    last: int


def chains() -> list[int]:
    """Return every chain that should be there, those included whose head or whose entries are gone."""
    headed = AuditChain.objects.values_list("chain", flat=True)
    written = AuditLog.objects.values_list("chain", flat=True).distinct()
    sealed = AuditSeal.objects.values_list("chain", flat=True).distinct()
    # The log of an organization begins with its creation.
    begun = Organization.objects.values_list("pk", flat=True)
    return sorted({PLATFORM_CHAIN, *headed, *written, *sealed, *begun})


def length_of(chain: int) -> int:
    """Return how many entries a chain has."""
    return AuditLog.objects.filter(chain=chain).count()


def first_fault(chain: int) -> Fault | None:
    """Walk a chain and return the first fault: an edited, deleted, inserted or reordered entry, or a missing tail.

    The walk begins at the last anchor, if retention dropped what was before. Every signed head it passes must be the
    entry that stands there.
    """
    sealed = list(AuditSeal.objects.filter(chain=chain).order_by("sequence", "pk"))
    fault = next((fault for seal in sealed if (fault := fault_of_seal(seal))), None)
    if fault is not None:
        return fault
    seals = _told_by(sealed)
    return _fault_of_leftover(chain, seals) or _first_fault_behind(chain, seals)


def fault_of_seal(seal: AuditSeal) -> Fault | None:
    """Return what is wrong with a seal's signature."""
    what = f"The seal of {seal.sealed_at:%Y-%m-%d} over entry {seal.sequence}"
    try:
        is_ours = signing.is_signed(seal.statement(), bytes(seal.signature), key_id=seal.key_id)
    except signing.UnknownKey:
        detail = f"{what} was signed with {seal.key_id}, which is not configured."
        return Fault(seal.chain, seal.sequence, "unverifiable", detail)
    if is_ours:
        return None
    return Fault(seal.chain, seal.sequence, "forged", f"{what} is not as it was signed.")


def _told_by(sealed: list[AuditSeal]) -> _Seals:
    anchor = next((one for one in reversed(sealed) if one.kind == AuditSeal.Kind.ANCHOR), None)
    start = anchor.sequence if anchor else 0
    return _Seals(
        start=start,
        digest=bytes(anchor.hash) if anchor else GENESIS,
        leftover={place: bytes.fromhex(text) for place, text in anchor.leftover} if anchor else {},
        heads={one.sequence: bytes(one.hash) for one in sealed if one.sequence > start},
        last=max((one.sequence for one in sealed), default=0),
    )


def _fault_of_leftover(chain: int, seals: _Seals) -> Fault | None:
    """Below the anchor only those entries stand that it names, as they were."""
    found = set()
    below = AuditLog.objects.filter(chain=chain, sequence__lte=seals.start)
    for entry in below.order_by("sequence", "pk"):
        if entry.sequence not in seals.leftover:
            return _fault(entry, "inserted", "stands where retention left nothing")
        is_same = bytes(entry.hash) == seals.leftover[entry.sequence]
        if not (is_same and _is_whole(entry)):
            return _fault(entry, "edited", "is not what was written")
        found.add(entry.sequence)
    missing = min(set(seals.leftover) - found, default=None)
    return None if missing is None else _missing(chain, missing)


def _first_fault_behind(chain: int, seals: _Seals) -> Fault | None:
    sequence, digest = seals.start, seals.digest
    while True:
        reached = sequence
        for entry in _entries(chain, after=reached):
            fault = _fault_of(entry, sequence + 1, digest, seals)
            if fault is not None:
                return fault
            sequence, digest = entry.sequence, bytes(entry.hash)
        head = AuditChain.objects.filter(chain=chain).first()
        # A head that is ahead of us may have moved on while we walked: look whether the entries are there.
        if head is None or head.sequence <= sequence or sequence == reached:
            return _fault_of_end(head, chain, sequence, digest, seals)


def _entries(chain: int, *, after: int) -> Iterator[AuditLog]:
    entries = AuditLog.objects.filter(chain=chain, sequence__gt=after)
    return entries.order_by("sequence", "pk").iterator(chunk_size=1_000)


def _fault_of(entry: AuditLog, expected: int, previous: bytes, seals: _Seals) -> Fault | None:
    if entry.sequence < expected:
        return _fault(entry, "inserted", "stands where another one stands")
    if entry.sequence > expected:
        return _missing(entry.chain, expected)
    if bytes(entry.previous_hash) != previous:
        return _stranger(entry, previous)
    if not _is_whole(entry):
        return _fault(entry, "edited", "is not what was written")
    if seals.heads.get(entry.sequence, bytes(entry.hash)) != bytes(entry.hash):
        # Somebody who can compute hashes wrote it and all behind it anew; the signature they cannot.
        return _fault(entry, "edited", "is not the one that was sealed")
    return None


def _is_whole(entry: AuditLog) -> bool:
    values = {name: getattr(entry, name) for name in (*COVERED, "occurred_at")}
    return hash_of(values, bytes(entry.previous_hash)) == bytes(entry.hash)


def _stranger(entry: AuditLog, previous: bytes) -> Fault:
    # The entry that belongs here names the hash before it, wherever it stands now.
    others = AuditLog.objects.filter(chain=entry.chain, previous_hash=previous)
    if others.exclude(pk=entry.pk).exists():
        return _fault(entry, "reordered", "stands in another one's place")
    return _fault(entry, "inserted", "does not follow the one before it")


def _fault(entry: AuditLog, kind: str, what: str) -> Fault:
    return Fault(
        entry.chain, entry.sequence, kind, f"Entry {entry.sequence} (row {entry.pk}) {what}."
    )


def _missing(chain: int, sequence: int) -> Fault:
    return Fault(chain, sequence, "deleted", f"Entry {sequence} is missing.")


def _fault_of_end(
    head: AuditChain | None, chain: int, sequence: int, digest: bytes, seals: _Seals
) -> Fault | None:
    known = max(head.sequence if head else 0, seals.last)
    if known > sequence:
        detail = f"Entry {sequence + 1} and what follows are missing; there were {known}."
        return Fault(chain, sequence + 1, "truncated", detail)
    if head is None:
        is_unused = sequence == 0 and chain == PLATFORM_CHAIN
        detail = "The head of the chain is missing."
        return None if is_unused else Fault(chain, 0, "deleted", detail)
    if head.sequence < sequence:
        place = head.sequence + 1
        return Fault(chain, place, "inserted", f"Entry {place} was added behind the end.")
    if bytes(head.hash) != digest:
        detail = f"Entry {sequence} is not the one that was written last."
        return Fault(chain, sequence, "edited", detail)
    return None
