"""Long lists, fast: a serializer's declared fields become columns of one query, and its rows go to bytes as they are.

What comes out is what the serializer itself would have written, to the byte; a test compares the two for every list of
the API. A column behind a foreign key is joined. A field that no rule below knows is asked as always, so that any
serializer may be compiled but one that reads other rows in a way that no join expresses.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from itertools import chain
from operator import itemgetter
from typing import Any

import orjson
from django.core.exceptions import FieldDoesNotExist
from django.db import connection
from django.db.models import Expression, F, Field, ForeignKey, JSONField, Model, QuerySet
from django.db.models.expressions import Col
from django.db.models.query import BaseIterable
from rest_framework import serializers

from config.common.expansion import Expanded, Shape

# The row of the query, the bare instance that it makes, and the serializer of this request with its context.
Reader = Callable[[dict[str, Any], Any, Any], Any]
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
    """The serializer reads other rows than the list's own, in a way that no join expresses."""


class _OwnColumns(Expression):
    """All columns of a table as one expression, written out once: what each is need not be worked out for every query."""

    def __init__(self, model: type[Model], names: Iterable[str]) -> None:
        super().__init__(output_field=Field())
        wanted = set(names)
        described: Any = model._meta  # noqa: SLF001  (Django's documented API)
        quoted = connection.ops.quote_name
        fields = [one for one in described.concrete_fields if one.attname in wanted]
        self.names = [one.attname for one in fields]
        table = quoted(described.db_table)
        self._sql = ", ".join(f"{table}.{quoted(one.column)}" for one in fields)
        self.conversions = [
            (one.attname, convert)
            for one in fields
            for convert in _conversions(one.get_col(described.db_table), connection)
        ]

    __hash__ = object.__hash__
    __eq__ = object.__eq__

    def resolve_expression(self, *_: Any, **__: Any) -> "_OwnColumns":
        """Stay as it is: the table is called by its own name in every query of rows."""
        return self

    def as_sql(self, *_: Any, **__: Any) -> tuple[str, tuple[()]]:
        """Return the columns."""
        return self._sql, ()


class _Dictionaries(BaseIterable[dict[str, Any]]):
    """Yields the rows of a model's query as dictionaries of its columns and annotations."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        compiler = self.queryset.query.get_compiler(using=self.queryset.db)
        results = compiler.execute_sql(chunked_fetch=self.chunked_fetch, chunk_size=self.chunk_size)
        places = compiler.annotation_col_map
        selected = [expression for expression, *_ in compiler.select]
        own: Any = selected[-1] if isinstance(selected[-1], _OwnColumns) else None
        names = [column.target.attname for column in selected[: len(selected) - len(places)]]
        names += sorted(places, key=places.__getitem__)
        conversions = [
            (name, convert)
            for name, expression in zip(names, selected, strict=True)
            if expression is not own
            for convert in _conversions(expression, compiler.connection)
        ]
        if own is not None:
            names[-1:], conversions = own.names, conversions + own.conversions
        for row in chain.from_iterable(results):
            made = dict(zip(names, row, strict=True))
            for name, convert in conversions:
                if (value := made[name]) is not None:
                    made[name] = convert(value)
            yield made


def _conversions(expression: Any, database: Any) -> list[Callable[[Any], Any]]:
    """Return what is to be done to a value as it comes from the database; JSON is read by a faster reader."""
    field = expression.output_field
    if isinstance(expression, Col) and type(field) is JSONField and field.decoder is None:
        return [orjson.loads]
    converters = database.ops.get_db_converters(expression)
    converters += expression.get_db_converters(database)
    return [partial(_converted, converter, expression, database) for converter in converters]


def _converted(converter: Any, expression: Any, database: Any, value: Any) -> Any:
    return converter(value, expression, database)


class CompiledRows:
    """Writes the rows of one model in the shape of one serializer."""

    def __init__(
        self, serializer: type[serializers.BaseSerializer[Any]], model: type[Model]
    ) -> None:
        self._model = model
        self._serializer = serializer
        self._joined: dict[str, F] = {}
        # A serializer that represents a row in a way of its own is asked for it, with the bare row, which leads nowhere.
        self._is_asked = not serializer.to_representation.__module__.startswith("rest_framework.")
        fields: Mapping[str, Any] = {} if self._is_asked else serializer().fields  # type: ignore[attr-defined]
        sources = {
            name: self._source(field)
            for name, field in fields.items()
            if not isinstance(field, Expanded)
        }
        key = model._meta.pk.attname  # noqa: SLF001  (Django's documented API)
        # One call takes all columns of a row. The key keeps the place of what is read in another way, and is one more at
        # the beginning, so that there are always several.
        columns = [source if isinstance(source, str) else key for source in sources.values()]
        self._names, self._columns = tuple(sources), itemgetter(key, *columns)
        self._readers = [
            (name, source) for name, source in sources.items() if not isinstance(source, str)
        ]

    def query(self, rows: QuerySet[Any]) -> QuerySet[Any, Any]:
        """Return a query of the rows' own columns, annotations and joined columns, each row a dictionary."""
        asked: Any = rows.select_related(None)
        if self._joined:
            asked = asked.annotate(**self._joined)
        if rows.query.group_by is None:
            own = _own_columns(self._model, _deferred_of(rows))
            asked.query.add_annotation(own, "own_columns")
            asked.query.default_cols = False
            asked.query.clear_deferred_loading()
        asked._iterable_class = _Dictionaries  # noqa: SLF001  (what `.values()` does, without resolving each name)
        return asked  # type: ignore[no-any-return]

    def write(
        self, rows: Iterable[dict[str, Any]] | None, context: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Return the rows of `query` as the serializer would."""
        serializer = self._serializer(context=context or {})
        if self._is_asked:
            return [serializer.to_representation(self._bare(row)) for row in rows or ()]
        return [self._row(row, self._bare(row), serializer) for row in rows or ()]

    def _bare(self, row: dict[str, Any]) -> Any:
        """Return an instance whose columns are the row, which is all that properties and methods may look at."""
        bare = self._model.__new__(self._model)
        bare.__dict__ = row
        return bare

    def _row(self, row: dict[str, Any], bare: Any, serializer: Any) -> dict[str, Any]:
        made = dict(zip(self._names, self._columns(row)[1:], strict=True))
        for name, read in self._readers:
            made[name] = read(row, bare, serializer)
        return made

    def _source(self, field: Any) -> str | Reader:
        """Return the column of the row that a field shows as it is, or what reads it."""
        if isinstance(field, serializers.SerializerMethodField):
            method = getattr(self._serializer, field.method_name)
            return lambda _row, bare, serializer: method(serializer, bare)
        if isinstance(field, serializers.RelatedField | serializers.ManyRelatedField):
            raise FollowsRelations(field.field_name)
        if isinstance(field, serializers.BaseSerializer) and self._relation(field.source):
            return self._nested(field)
        if len(field.source_attrs) != 1:
            return self._distant(field)
        return self._near(field, field.source)

    def _near(self, field: Any, source: str) -> str | Reader:
        """Read a column, an annotation or a property of the row itself."""
        if source == "pk":
            source = self._model._meta.pk.attname  # noqa: SLF001  (Django's documented API)
        if not _is_plain(field):
            return lambda _row, bare, _: _represented(field, getattr(bare, source))
        if isinstance(getattr(self._model, source, None), property):
            return lambda _row, bare, _: getattr(bare, source)
        return source

    def _distant(self, field: Any) -> str | Reader:
        """Read a column behind foreign keys, which is joined."""
        *steps, last = field.source_attrs
        model: Any = self._model
        for step in steps:
            key = _foreign_key(model, step)
            if key is None or (key.null and not field.allow_null):
                raise FollowsRelations(field.source)
            model = key.related_model
        return self._joined_column(field, model, [*steps, last])

    def _nested(self, field: Any) -> Reader:
        """Read what a foreign key leads to in the shape of a nested serializer, from joined columns."""
        key = self._relation(field.source)
        if key is None or not _represents_like_the_framework(field):
            raise FollowsRelations(field.source)
        sources = {}
        for name, inner in field.fields.items():
            is_method = isinstance(inner, serializers.SerializerMethodField)
            if is_method or len(inner.source_attrs) != 1:
                raise FollowsRelations(f"{field.source}.{name}")
            path = [field.source, inner.source]
            sources[name] = self._joined_column(inner, key.related_model, path)

        def nested(row: dict[str, Any], bare: Any, serializer: Any) -> Any:
            if row[key.attname] is None:
                return None
            return {
                name: row[source] if isinstance(source, str) else source(row, bare, serializer)
                for name, source in sources.items()
            }

        return nested

    def _joined_column(self, field: Any, model: Any, path: list[str]) -> str | Reader:
        name = model._meta.pk.attname if path[-1] == "pk" else path[-1]  # noqa: SLF001
        if not _is_column(model, name):
            raise FollowsRelations(".".join(path))
        alias = f"joined_{'_'.join(path)}"
        self._joined[alias] = F("__".join([*path[:-1], name]))
        if _is_plain(field):
            return alias
        return lambda row, _bare, _: _represented(field, row[alias])

    def _relation(self, source: Any) -> Any:
        """Return the foreign key of this name; raise FollowsRelations for a relation of another kind."""
        key = _foreign_key(self._model, source)
        if key is None and not _is_column(self._model, source):
            raise FollowsRelations(source)
        return key


def _deferred_of(rows: QuerySet[Any]) -> frozenset[str]:
    names, is_deferred = rows.query.deferred_loading
    assert is_deferred, "Leave columns out by `defer`."
    return frozenset(names)


@cache
def _own_columns(model: type[Model], deferred: frozenset[str]) -> _OwnColumns:
    columns = model._meta.concrete_fields  # noqa: SLF001
    return _OwnColumns(model, [one.attname for one in columns if one.name not in deferred])


def _represented(field: Any, value: Any) -> Any:
    return None if value is None else field.to_representation(value)


def _foreign_key(model: type[Model], name: str) -> Any:
    try:
        found = model._meta.get_field(name)  # noqa: SLF001
    except FieldDoesNotExist:
        return None
    return found if isinstance(found, ForeignKey) else None


def _is_column(model: Any, name: str) -> bool:
    return any(name == column.attname for column in model._meta.concrete_fields)  # noqa: SLF001


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
    return bool(type(field).to_representation.__module__.startswith("rest_framework."))


def compiled(serializer: Shape, model: Any) -> CompiledRows:
    """Return the compiled form, made once for each serializer and model."""
    return _compiled(serializer, model)


# Called by way of a function: the stubs do not know that classes can be keys of a cache.
_compiled = cache(CompiledRows)
