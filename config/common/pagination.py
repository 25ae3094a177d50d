"""The one pagination of the product: keyset over a column and the id, newest first unless asked, with signed cursors."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.core import signing
from django.db.models import Model, Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from config.common.errors import InvalidInput

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_SALT = "pagination.cursor"
RowT = TypeVar("RowT", bound=Model)


@dataclass(frozen=True, slots=True)
class Order:
    """By which column rows are sorted; the id decides between equals. The column is a time or a text, never null."""

    column: str = "created_at"
    is_descending: bool = True


NEWEST_FIRST = Order()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows and the cursors to its neighbours."""

    rows: list[Any]
    next_cursor: str | None
    prev_cursor: str | None

    def urls(self, query: Mapping[str, str] | None = None) -> dict[str, str | None]:
        """Return the addresses of a portal page's neighbours, under the filters that are given."""
        given = {name: value for name, value in (query or {}).items() if value}
        return {
            name: cursor and f"?{urlencode({**given, 'cursor': cursor})}"
            for name, cursor in (("next_url", self.next_cursor), ("prev_url", self.prev_cursor))
        }


def paginate(
    queryset: QuerySet[RowT],
    *,
    cursor: str,
    limit: int,
    bound_to: str,
    order: Order = NEWEST_FIRST,
) -> Page:
    """Return one page of the queryset, newest first unless another order is given.

    A cursor holds the place it continues from and a digest of `bound_to` (path and filters); used with another
    one, or changed in any way, it raises InvalidInput.
    """
    place = _read(cursor, bound_to) if cursor else None
    backwards = place is not None and place["d"] == "prev"
    rows = list(_slice(queryset, place, order, backwards=backwards)[: limit + 1])
    has_further, rows = len(rows) > limit, rows[:limit]
    if backwards:
        rows.reverse()
        has_prev, has_next = has_further, True
    else:
        has_prev, has_next = place is not None, has_further
    return Page(
        rows=rows,
        next_cursor=_write("next", rows[-1], bound_to, order) if rows and has_next else None,
        prev_cursor=_write("prev", rows[0], bound_to, order) if rows and has_prev else None,
    )


def _slice(
    queryset: QuerySet[RowT], place: dict[str, Any] | None, order: Order, *, backwards: bool
) -> QuerySet[RowT]:
    is_descending = order.is_descending is not backwards
    sign, beyond = ("-", "lt") if is_descending else ("", "gt")
    queryset = queryset.order_by(f"{sign}{order.column}", f"{sign}id")
    if place is None:
        return queryset
    # What a cursor holds is as short as it can be: `a` is a time, `t` a text.
    value = datetime.fromisoformat(place["a"]) if "a" in place else place["t"]
    further = Q(**{f"{order.column}__{beyond}": value})
    return queryset.filter(further | Q(**{order.column: value, f"id__{beyond}": place["i"]}))


def _digest(bound_to: str) -> str:
    return hashlib.sha256(bound_to.encode()).hexdigest()[:16]


def _write(direction: str, row: Any, bound_to: str, order: Order) -> str:
    value, pk = (
        (row[order.column], row["id"])
        if isinstance(row, dict)
        else (getattr(row, order.column), row.pk)
    )
    at = {"a": value.isoformat()} if isinstance(value, datetime) else {"t": value}
    place = {"d": direction, **at, "i": pk, "b": _digest(bound_to)}
    return signing.dumps(place, salt=_SALT, compress=False)


def _read(cursor: str, bound_to: str) -> dict[str, Any]:
    try:
        place: dict[str, Any] = signing.loads(cursor, salt=_SALT)
    except signing.BadSignature:
        raise _bad_cursor("The cursor is not one of ours, or was changed.") from None
    if place["b"] != _digest(bound_to):
        raise _bad_cursor("The cursor belongs to other filters.")
    return place


def _bad_cursor(message: str) -> InvalidInput:
    fix = "Take `next_cursor` or `prev_cursor` from an answer to the same request."
    return InvalidInput.at("#/cursor", location="query", code="cursor", message=message, fix=fix)


def page_limit(text: str | None) -> int:
    """Read the `limit` parameter. Raises InvalidInput unless it is a whole number from 1 to 200."""
    if text is None:
        return DEFAULT_LIMIT
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise InvalidInput.at(
        "#/limit",
        location="query",
        code="limit",
        message=f"The limit is a whole number from 1 to {MAX_LIMIT}.",
        fix=f"Leave it out for {DEFAULT_LIMIT} rows.",
    )


def binding_of(request: Request, view: Any) -> str:
    """Return what a cursor is bound to: whose list it is, the path and every parameter but the cursor's own."""
    tenant = getattr(view, "tenant", None)
    whose = f"organization {tenant.organization.pk}" if tenant else f"person {request.user.pk}"
    parameters = [
        (name, value)
        for name, values in sorted(request.query_params.lists())
        if name not in {"cursor", "limit"}
        for value in values
    ]
    return f"{request.path}?{parameters} of {whose}"


class CursorPagination(BasePagination):
    """DRF's way to `paginate`; answers `data`, `next_cursor`, `prev_cursor`, `has_more` and RFC 8288 links."""

    page: Page
    request: Request
    # Set by a view whose list may be sorted in several ways.
    order: Order = NEWEST_FIRST

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: Any = None
    ) -> list[Any]:
        """Return the rows of the page that the request asks for."""
        assert isinstance(queryset, QuerySet)
        self.request = request
        self.page = paginate(
            queryset,
            cursor=request.query_params.get("cursor", ""),
            limit=page_limit(request.query_params.get("limit")),
            bound_to=binding_of(request, view),
            order=self.order,
        )
        return self.page.rows

    def get_paginated_response(self, data: Sequence[Any]) -> Response:
        """Wrap the rows."""
        body = {
            "data": data,
            "next_cursor": self.page.next_cursor,
            "prev_cursor": self.page.prev_cursor,
            "has_more": self.page.next_cursor is not None,
        }
        links = [
            f'<{self._url(cursor)}>; rel="{relation}"'
            for relation, cursor in (
                ("next", self.page.next_cursor),
                ("prev", self.page.prev_cursor),
            )
            if cursor
        ]
        return Response(body, headers={"Link": ", ".join(links)} if links else None)

    def _url(self, cursor: str) -> str:
        given = self.request.query_params.items()
        parameters = [(name, value) for name, value in given if name != "cursor"]
        query = urlencode([*parameters, ("cursor", cursor)])
        return f"{self.request.build_absolute_uri(self.request.path)}?{query}"

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe the wrapped page to OpenAPI."""
        cursor = {
            "type": ["string", "null"],
            "description": "Opaque and signed; null at the end.",
        }
        return {
            "type": "object",
            "required": ["data", "next_cursor", "prev_cursor", "has_more"],
            "properties": {
                "data": schema,
                "next_cursor": {**cursor, "example": "eyJkIjoibmV4dCJ9:1vN0aB:c2lnbmF0dXJl"},
                "prev_cursor": {**cursor, "example": None},
                "has_more": {"type": "boolean", "example": True},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the two query parameters to OpenAPI."""
        return [
            {
                "name": "limit",
                "in": "query",
                "description": "Rows per page.",
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_LIMIT,
                    "default": DEFAULT_LIMIT,
                },
            },
            {
                "name": "cursor",
                "in": "query",
                "description": "Where to go on; from `next_cursor` or `prev_cursor` of the same query.",
                "schema": {"type": "string"},
            },
        ]
