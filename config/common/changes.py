"""What an event says of a row: its columns before and after a change. Secrets are named as changed, never told."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import orjson
from django.db import models

from config.common.columns import EncryptedTextField
from config.common.logs import REDACTED

# What every change changes says nothing.
_UNSAID = frozenset({"created_at", "updated_at", "version"})
_SECRET = re.compile(r"password|secret|digest|token", re.IGNORECASE)


class Told(TypedDict):
    """The two sides of a change, as `publish` takes them."""

    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A row's columns at one moment, to compare with; never shown as they are."""

    values: Mapping[str, Any]


def snapshot(row: models.Model) -> Snapshot:
    """Remember a row's columns before it is changed."""
    return Snapshot({field.attname: getattr(row, field.attname) for field in _columns(row)})


def since(earlier: Snapshot, row: models.Model) -> Told:
    """Return the columns in which a row differs from its snapshot, as they were and as they are."""
    changed = [
        field
        for field in _columns(row)
        if earlier.values[field.attname] != getattr(row, field.attname)
    ]
    before = {field.attname: _shown(field, earlier.values[field.attname]) for field in changed}
    after = {field.attname: _shown(field, getattr(row, field.attname)) for field in changed}
    return {"before": plain(before), "after": plain(after)}


def assign(row: models.Model, wanted: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give a row the wanted values; return the columns in which it differed, as they were and as they are, unsaved."""
    after = {name: value for name, value in wanted.items() if getattr(row, name) != value}
    before = {name: getattr(row, name) for name in after}
    for name, value in after.items():
        setattr(row, name, value)
    return before, after


def told(row: models.Model, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Return a row's columns, or the named ones, as an event tells them."""
    wanted = None if names is None else set(names)
    columns = [
        field for field in _columns(row) if wanted is None or wanted & {field.name, field.attname}
    ]
    return plain({field.attname: _shown(field, getattr(row, field.attname)) for field in columns})


def of(**columns: tuple[Any, Any]) -> Told:
    """Return a change written by hand: each column with its value before and after."""
    return {
        "before": plain({name: pair[0] for name, pair in columns.items()}),
        "after": plain({name: pair[1] for name, pair in columns.items()}),
    }


def of_secret(name: str) -> Told:
    """Return that a secret has another value, which nobody is told."""
    return {"before": {name: REDACTED}, "after": {name: REDACTED}}


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as JSON can hold them, times in RFC 3339 with `Z`."""
    raw = orjson.dumps(dict(values), default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)
    content: dict[str, Any] = orjson.loads(raw)
    return content


def _columns(row: models.Model) -> list["models.Field[Any, Any]"]:
    fields = row._meta.concrete_fields  # noqa: SLF001  (Django's documented API)
    return [field for field in fields if not field.primary_key and field.name not in _UNSAID]


def is_secret(field: "models.Field[Any, Any]") -> bool:
    """Whether nobody is told what a column holds: what is encrypted, digests, and what a name gives away."""
    is_sealed = isinstance(field, EncryptedTextField | models.BinaryField)
    return is_sealed or _SECRET.search(field.name) is not None


def _shown(field: "models.Field[Any, Any]", value: Any) -> Any:
    if is_secret(field) and value is not None:
        return REDACTED if value else ""
    return value
