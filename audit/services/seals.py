"""Sealing the heads of chains: once a day, and where retention cuts a chain."""

import hashlib
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce

from audit import signing
from audit.models import AuditChain, AuditSeal

logger = structlog.get_logger(__name__)


def signed(seal: AuditSeal, *, at: datetime) -> AuditSeal:
    """Date and sign a seal with the newest key, and return it unsaved."""
    seal.sealed_at, seal.key_id = at, signing.newest_key()
    seal.signature = signing.sign(seal.statement(), key_id=seal.key_id)
    return seal


@transaction.atomic
def seal_heads(*, at: datetime) -> int:
    """Seal every chain that has moved since its last seal; return how many. Two at once seal each head once.

    The log line holds a digest over all of them: kept elsewhere, it shows that the seals themselves were not replaced.
    """
    last = AuditSeal.objects.filter(chain=OuterRef("chain")).values("chain")
    sealed = last.annotate(last=Max("sequence")).values("last")
    moved = AuditChain.objects.annotate(sealed=Coalesce(Subquery(sealed), 0))
    new = [
        signed(
            AuditSeal(
                chain=head.chain,
                sequence=head.sequence,
                hash=bytes(head.hash),
                kind=AuditSeal.Kind.DAILY,
            ),
            at=at,
        )
        for head in moved.filter(sequence__gt=F("sealed")).order_by("chain")
    ]
    AuditSeal.objects.bulk_create(new, batch_size=1_000, ignore_conflicts=True)
    digest = hashlib.sha256(b"".join(bytes(seal.signature) for seal in new)).hexdigest()
    logger.info("audit_chains_sealed", chains=len(new), key_id=signing.newest_key(), digest=digest)
    return len(new)
