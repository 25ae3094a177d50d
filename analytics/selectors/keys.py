"""Which keys a page is asked about: one by the id that links carry, or all whose label contains what was typed."""

from dataclasses import dataclass

from django.db.models import CharField, F, QuerySet, Value
from django.db.models.functions import Concat

from apikeys.models import ApiKey
from config.common.ids import id_in

_SUGGESTED = 50
# As `str(key)` has it, so that a suggestion finds its key.
_LABEL = Concat(
    "name", Value(" ("), "prefix", Value("…"), "last4", Value(")"), output_field=CharField()
)


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """What the filter shows, and the ids of the keys that it means; None stands for every key, deleted ones too."""

    text: str = ""
    ids: tuple[int, ...] | None = None


def key_filter(keys: QuerySet[ApiKey], text: str) -> KeyFilter:
    """Find out which of an organization's keys a text means."""
    if not text:
        return KeyFilter()
    pk = id_in(text)
    if pk is not None:
        one = keys.filter(pk=pk).first()
        if one is not None:
            return KeyFilter(str(one), (one.pk,))
    found = keys.annotate(label=_LABEL).filter(label__icontains=text)
    return KeyFilter(text, tuple(found.values_list("pk", flat=True)))


def suggested_keys(keys: QuerySet[ApiKey]) -> list[ApiKey]:
    """Return the keys that were used last; there may be thousands, of which nobody reads a list."""
    return list(
        keys.order_by(F("activity__last_used_at").desc(nulls_last=True), "-pk")[:_SUGGESTED]
    )
