"""Seals that are kept elsewhere: written as JSON Lines, and compared later with what the database holds."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Max

from audit.models import AuditLog, AuditSeal
from audit.selectors.chains import Fault, fault_of_seal


class NotASeal(ValueError):
    """A line is not what `newest_seals` writes."""


def newest_seals() -> Iterator[dict[str, Any]]:
    """Yield the newest seal of every chain, as JSON holds it."""
    newest = AuditSeal.objects.values("chain").annotate(newest=Max("pk")).values("newest")
    for seal in AuditSeal.objects.filter(pk__in=newest).order_by("chain").iterator():
        yield {
            "chain": seal.chain,
            "sequence": seal.sequence,
            "hash": bytes(seal.hash).hex(),
            "kind": seal.kind,
            "leftover": seal.leftover,
            "sealed_at": seal.sealed_at.isoformat(),
            "key_id": seal.key_id,
            "signature": bytes(seal.signature).hex(),
        }


def fault_against(kept: dict[str, Any]) -> Fault | None:
    """Compare a seal that was kept elsewhere with the log; return what contradicts it. Raises NotASeal."""
    seal = _read(kept)
    fault = fault_of_seal(seal)
    if fault is not None:
        return fault
    entry = AuditLog.objects.filter(chain=seal.chain, sequence=seal.sequence).first()
    if entry is not None:
        is_same = bytes(entry.hash) == bytes(seal.hash)
        detail = f"Entry {seal.sequence} (row {entry.pk}) is not the one that was sealed."
        return None if is_same else Fault(seal.chain, seal.sequence, "edited", detail)
    anchors = AuditSeal.objects.filter(
        chain=seal.chain, kind=AuditSeal.Kind.ANCHOR, sequence__gte=seal.sequence
    )
    if any(fault_of_seal(anchor) is None for anchor in anchors):
        return None  # retention dropped it
    detail = f"Entry {seal.sequence}, which was sealed, and what follows are missing."
    return Fault(seal.chain, seal.sequence, "truncated", detail)


def _read(kept: dict[str, Any]) -> AuditSeal:
    try:
        return AuditSeal(
            chain=int(kept["chain"]),
            sequence=int(kept["sequence"]),
            hash=bytes.fromhex(kept["hash"]),
            kind=str(kept["kind"]),
            leftover=kept["leftover"],
            sealed_at=datetime.fromisoformat(kept["sealed_at"]),
            key_id=str(kept["key_id"]),
            signature=bytes.fromhex(kept["signature"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NotASeal(f"This line is no seal: {error}") from error
