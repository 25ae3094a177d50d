"""Queries that every request asks, worked out once: their SQL and how their rows are read stay, the values change.

Django works out anew for every query which columns there are and what they are called. For the two that say who asks
and where they may, that took most of a request's time; for what every change locks and adds, much of a change's.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Field, Model, QuerySet, Value
from django.db.models.query import get_related_populators
from django.db.transaction import TransactionManagementError

ModelT = TypeVar("ModelT", bound=Model)


class Given(Value):
    """Stands in a prepared query for a value that each asking brings along under this name."""

    def __init__(self, name: str, output_field: "Field[Any, Any]") -> None:
        super().__init__(name, output_field=output_field)

    def as_sql(self, *_: Any, **__: Any) -> tuple[str, tuple[Any, ...]]:
        """Leave a gap that knows what belongs into it."""
        return "%s", (self,)

    def filled(self, values: dict[str, Any]) -> Any:
        """Return the value as the database takes it."""
        return self.output_field.get_db_prep_value(values[self.value], connection)


class Prepared(Generic[ModelT]):
    """One query with gaps. `build` returns it with a `Given` in each; it is called once, when somebody first asks.

    Rows are made as the query itself would make them: with annotations, and with what `select_related` names.
    """

    def __init__(self, build: Callable[[], "QuerySet[ModelT]"]) -> None:
        self._build = build

    def first(self, **values: Any) -> ModelT | None:
        """Return the first row in the order of the query, or None. A row is locked in a transaction only."""
        row: ModelT | None = self._plan.first(values)
        return row

    @cached_property
    def _plan(self) -> "_Plan":
        return _Plan(self._build()[:1])


class Addition(Generic[ModelT]):
    """How rows are added to a table to which every change adds some; each column takes what the row says."""

    def __init__(self, model: type[ModelT]) -> None:
        self._model = model

    def add(self, row: ModelT) -> None:
        """Insert a new row, and tell it its id."""
        sql, fields = self._plan
        values = [one.get_db_prep_save(one.pre_save(row, add=True), connection) for one in fields]
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            (row.pk,) = cursor.fetchone()
        row._state.adding, row._state.db = False, connection.alias  # noqa: SLF001  (Django's documented API)

    @cached_property
    def _plan(self) -> tuple[str, list[Any]]:
        described: Any = self._model._meta  # noqa: SLF001  (Django's documented API)
        fields = [one for one in described.concrete_fields if one is not described.pk]
        quoted = connection.ops.quote_name
        names = ", ".join(quoted(one.column) for one in fields)
        gaps = ", ".join(["%s"] * len(fields))
        table, key = quoted(described.db_table), quoted(described.pk.column)
        return f"INSERT INTO {table} ({names}) VALUES ({gaps}) RETURNING {table}.{key}", fields  # noqa: S608  names of ours


class _Plan:
    """What Django works out for a query before it asks, and for its rows afterwards. It knows no connection."""

    def __init__(self, rows: "QuerySet[Any]") -> None:
        compiler: Any = rows.query.get_compiler(using=rows.db)
        self._sql, self._parameters = compiler.as_sql()
        self._is_locking = rows.query.select_for_update
        own = compiler.klass_info["select_fields"]
        self._model, self._own = compiler.klass_info["model"], slice(own[0], own[-1] + 1)
        self._names = [column.target.attname for column, *_ in compiler.select[self._own]]
        self._annotations = list(compiler.annotation_col_map.items())
        self._alias = rows.db
        self._populators = get_related_populators(  # type: ignore[call-arg]  # stubs of Django 6
            compiler.klass_info, compiler.select, rows.db
        )
        columns = [column for column, *_ in compiler.select[: compiler.col_count]]
        self._conversions = list(compiler.get_converters(columns).items())

    def first(self, values: dict[str, Any]) -> Any:
        """Ask with the values, and return what the first row of the answer makes."""
        if self._is_locking and connection.get_autocommit():
            raise TransactionManagementError("Rows are locked until the end of a transaction.")
        filled = [one.filled(values) if isinstance(one, Given) else one for one in self._parameters]
        with connection.cursor() as cursor:
            cursor.execute(self._sql, filled)
            row = cursor.fetchone()
        return None if row is None else self._read(row)

    def _read(self, row: Any) -> Any:
        columns = list(row)
        for place, (converters, expression) in self._conversions:
            for convert in converters:
                columns[place] = convert(columns[place], expression, connection)
        made = self._model.from_db(self._alias, self._names, columns[self._own])
        for populator in self._populators:
            populator.populate(columns, made)
        for name, place in self._annotations:
            setattr(made, name, columns[place])
        return made
