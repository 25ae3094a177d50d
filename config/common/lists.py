"""Long lists, fast: a serializer's declared fields become columns of one query, and its rows go to bytes as they are.

What comes out is what the serializer itself would have written, to the byte; a test compares the two. A field that no
rule below knows is asked as always, so that any serializer may be compiled; one that follows relations may not.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from operator import itemgetter
from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.query import BaseIterable
from rest_framework import serializers

Reader = Callable[[dict[str, Any], Any], Any]
# Fields whose value the writer puts down as they would: texts, numbers, truths, UTC times, and JSON.
_PLAIN = (
    serializers.BooleanField,
    serializers.CharField,
    serializers.ChoiceField,
    serializers.DateTimeField,
    serializers.DictField,
    serializers.FloatField,
    serializers.IntegerField,
    serializers.JSONField,
    serializers.ListField,
)


class FollowsRelations(TypeError):
    """The serializer reads other rows than the list's own."""


class _Dictionaries(BaseIterable[dict[str, Any]]):
    """Yields the rows of a model's query as dictionaries of its columns and annotations."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        compiler = self.queryset.query.get_compiler(using=self.queryset.db)
        results = compiler.execute_sql(chunked_fetch=self.chunked_fetch, chunk_size=self.chunk_size)
        places = compiler.annotation_col_map
        columns = compiler.select[: len(compiler.select) - len(places)]
        names = [column.target.attname for column, *_ in columns]
        names += sorted(places, key=places.__getitem__)
        for row in compiler.results_iter(results):
            yield dict(zip(names, row, strict=True))


class CompiledRows:
    """Writes the rows of one model in the shape of one serializer."""

    def __init__(self, serializer: type[serializers.ModelSerializer[Any]]) -> None:
        self._model: type[Model] = serializer.Meta.model
        self._serializer = serializer()
        self._readers = [
            (name, self._reader(field)) for name, field in self._serializer.fields.items()
        ]

    def query(self, rows: QuerySet[Any]) -> QuerySet[Any, Any]:
        """Return a query of the rows' own columns and annotations, of which each row is a dictionary."""
        asked: Any = rows.all()
        asked._iterable_class = _Dictionaries  # noqa: SLF001  (what `.values()` does, without resolving each name)
        return asked  # type: ignore[no-any-return]

    def write(self, rows: Iterable[dict[str, Any]] | None) -> list[dict[str, Any]]:
        """Return the rows of `query` as the serializer would."""
        made, model, readers = [], self._model, self._readers
        for row in rows or ():
            # A bare instance: its columns are the row, which is all that properties and methods may look at.
            bare = model.__new__(model)
            bare.__dict__ = row
            made.append({name: read(row, bare) for name, read in readers})
        return made

    def _reader(self, field: Any) -> Reader:
        if isinstance(field, serializers.SerializerMethodField):
            method = getattr(self._serializer, field.method_name)
            return lambda _row, bare: method(bare)
        if isinstance(field, serializers.BaseSerializer | serializers.RelatedField):
            raise FollowsRelations(field.field_name)
        if len(field.source_attrs) != 1:
            raise FollowsRelations(field.source)
        return self._reader_of(field, field.source)

    def _reader_of(self, field: Any, source: str) -> Reader:
        is_property = isinstance(getattr(self._model, source, None), property)
        if _is_plain(field) and not is_property:
            take = itemgetter(source)
            return lambda row, _bare: take(row)
        if _is_plain(field):
            return lambda _row, bare: getattr(bare, source)

        def ask(_row: dict[str, Any], bare: Any) -> Any:
            value = getattr(bare, source)
            return None if value is None else field.to_representation(value)

        return ask


def _is_plain(field: Any) -> bool:
    """Whether a value goes out as it is: no subclass with a representation of its own, no child that has one."""
    if not isinstance(field, _PLAIN):
        return False
    child = getattr(field, "child", None)
    if child is not None and not isinstance(child, serializers.ListField):
        known = child.__module__.startswith("rest_framework") or _is_plain(child)
        return known and _represents_like_the_framework(field)
    return _represents_like_the_framework(field)


def _represents_like_the_framework(field: Any) -> bool:
    return bool(type(field).to_representation.__module__ == "rest_framework.fields")


@cache
def compiled(serializer: type[serializers.ModelSerializer[Any]]) -> CompiledRows:
    """Return the compiled form, made once for each serializer."""
    return CompiledRows(serializer)
