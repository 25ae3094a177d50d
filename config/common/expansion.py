"""`expand`: what a row refers to, shown with the row. Which relations there are is declared beside the row's shape.

An expansion starts from the row as it is shown, so that it leads nowhere that the row itself conceals; and what it leads
to is found as its own operation finds it, so that it shows nothing that the caller could not read there.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from rest_framework import serializers
from rest_framework.fields import SkipField
from rest_framework.request import Request

from config.common.errors import InvalidInput

PARAMETER = "expand"
# The member of a row that holds what was asked for.
MEMBER = "expanded"
Shown = dict[str, Any]
# A serializer class. It can be a key of a cache, which the stubs do not know.
Shape = Any


@dataclass(frozen=True, slots=True)
class Relation:
    """What one member of a row leads to.

    `key` reads from a shown row what is meant, or None. `find` returns what the caller may see of what is meant, by the
    same keys, in one query; it raises Forbidden where the caller may see nothing of the kind. What it leaves out is null.
    """

    shape: type[serializers.BaseSerializer[Any]]
    key: Callable[[Mapping[str, Any]], Any]
    find: Callable[[Any, list[Any]], Mapping[Any, Any]]


class Expanded(serializers.Field[Any, Any, Any, Any]):
    """The place in a shape where expansions are declared and described; it is in an answer only where it was asked for."""

    def __init__(self, **relations: Relation) -> None:
        super().__init__(required=False)
        self.relations = relations

    def get_attribute(self, instance: Any) -> Any:
        """Say nothing: whoever answers puts in what was asked for."""
        raise SkipField


@cache
def relations_of(shape: Shape) -> Mapping[str, Relation]:
    """Return the relations that a shape declares."""
    declared: Any = getattr(shape, "_declared_fields", {}).get(MEMBER)
    return declared.relations if isinstance(declared, Expanded) else {}


def asked(request: Request, shape: Shape) -> list[str]:
    """Return the relations that a request names, each once. Raises InvalidInput for a name that is none of the shape's."""
    text = request.query_params.get(PARAMETER)
    if text is None:
        return []
    names = list(dict.fromkeys(text.split(",")))
    known = relations_of(shape)
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        message = f"Nothing here can be expanded that is called {unknown[:80]!r}."
        fix = f"What can be: {', '.join(known)}; several are separated by commas."
        raise InvalidInput.at(
            f"#/{PARAMETER}", location="query", code=PARAMETER, message=message, fix=fix
        )
    return names


def expand(view: Any, shape: Shape, rows: Iterable[Shown]) -> list[Shown]:
    """Put into each row what the request asks for: one query for each relation, however many rows."""
    shown = list(rows)
    names = asked(view.request, shape)
    for row in shown if names else ():
        row[MEMBER] = {}
    for name in names:
        relation = relations_of(shape)[name]
        keys = [relation.key(row) for row in shown]
        found = relation.find(view, sorted({key for key in keys if key is not None}))
        for row, key in zip(shown, keys, strict=True):
            row[MEMBER][name] = found.get(key)
    return shown
