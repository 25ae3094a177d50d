"""Bringing every encrypted secret to the newest key, while everybody goes on working."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import transaction
from django.db.models import CharField, Count, F, Func, Value

from config.common import crypto
from config.common.columns import EncryptedTextField, encrypted_columns, secrets_in

logger = structlog.get_logger(__name__)
# A pass finds what was written with an old key during the one before; programs that still run with the old settings
# could keep us busy for ever.
_PASSES = 3


@dataclass(slots=True)
class Progress:
    """What became of the secrets in one column."""

    column: str
    rotated: int = 0
    unreadable: int = 0


def name_of(column: EncryptedTextField) -> str:
    """Return a column's name as people read it: `accounts.TotpDevice.seed_encrypted`."""
    return f"{column.model._meta.label}.{column.name}"  # noqa: SLF001  (Django's documented API)


def keys_in_use() -> dict[str, Counter[str]]:
    """Count, for every encrypted column, how many secrets each key holds, keys that are gone included."""
    return {name_of(column): _keys_of(column) for column in encrypted_columns()}


def rotate(column: EncryptedTextField, *, batch: int) -> Progress:
    """Encrypt again what any but the newest key holds.

    Every batch is a transaction of its own, so a run that was stopped is simply started again. A row is replaced only
    if it still holds what was read: whoever writes meanwhile wins, and the next pass looks at what they wrote.
    """
    progress = Progress(name_of(column))
    for _ in range(_PASSES):
        before, progress.unreadable = progress.rotated, 0
        for rows in _outdated(column, batch=batch):
            with transaction.atomic():
                for key, text in rows:
                    _rotate_row(column, key, text, progress)
        if progress.rotated == before:
            break
    return progress


def _outdated(column: EncryptedTextField, *, batch: int) -> Iterator[list[tuple[Any, str]]]:
    """Yield what the newest key does not hold, in the order of the rows' ids."""
    newest = f"{crypto.newest_key()}:"
    outdated = secrets_in(column).exclude(**{f"{column.name}__startswith": newest}).order_by("pk")
    last = 0
    while found := list(outdated.filter(pk__gt=last).values_list("pk", column.name)[:batch]):
        yield found
        last = found[-1][0]


def _rotate_row(column: EncryptedTextField, key: Any, text: str, progress: Progress) -> None:
    try:
        plain = crypto.decrypt(text, purpose=column.purpose)
    except crypto.CannotDecrypt as error:
        logger.warning("unreadable_at_rest", column=progress.column, row=key, reason=str(error))
        progress.unreadable += 1
        return
    renewed = crypto.encrypt(plain, purpose=column.purpose)
    unchanged = secrets_in(column).filter(pk=key, **{column.name: text})
    progress.rotated += unchanged.update(**{column.name: renewed})


def _keys_of(column: EncryptedTextField) -> "Counter[str]":
    kid = Func(
        F(column.name), Value(":"), Value(1), function="split_part", output_field=CharField()
    )
    counted = (
        secrets_in(column).values(kid=kid).annotate(count=Count("pk")).values_list("kid", "count")
    )
    return Counter(dict(counted))
