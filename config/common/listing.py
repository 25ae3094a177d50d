"""What the views share that show rows: one way to read, page, sort, write and expand them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from config.common import expansion, lists, query
from config.common.errors import InvalidInput
from config.common.fields import StrictSerializer
from config.common.pagination import CursorPagination, Order
from config.common.views import ApiView

_PAGING = frozenset({"cursor", "limit"})
ORDERING = "ordering"


class Showing(ApiView):
    """A view whose GET shows rows of one shape, and what they refer to where `expand` asks for it."""

    shape: ClassVar[type[BaseSerializer[Any]]]
    query_methods = frozenset({"GET"})

    def shown(self, find: Callable[[], Any]) -> Response:
        """Answer with the row that is found, once the parameters are known to be good."""
        query.read(self.request, also=_names(self.shape))
        expansion.asked(self.request, self.shape)
        data = dict(self.shape(find()).data)
        return Response(expansion.expand(self, self.shape, [data])[0])


class Listing(Showing):
    """A view whose GET lists rows.

    `filters` is the shape of the parameters that narrow the list; `orders` names what it may be sorted by and the column
    of each, never null and served by an index, of which the first, descending, is the order when none is asked for.
    """

    pagination_class = CursorPagination
    filters: ClassVar[type[StrictSerializer]] = query.NoParameters
    orders: ClassVar[Mapping[str, str]] = {"created_at": "created_at"}
    # Whether `config.common.lists` writes the rows; the serializer does where it reads what no join expresses.
    is_compiled: ClassVar[bool] = True

    def asked(self) -> dict[str, Any]:
        """Return the filters that are given. Raises InvalidInput for parameters that the list does not have."""
        also = _PAGING | {ORDERING} | _names(self.shape)
        return query.read(self.request, self.filters, also=also)

    def listed(self, rows: QuerySet[Any], *, context: Mapping[str, Any] | None = None) -> Response:
        """Answer with the page of the rows that is asked for."""
        if self.filters is query.NoParameters:
            self.asked()
        paginator = self.pagination_class()
        paginator.order = order_of(self.request, self.orders)
        if self.is_compiled:
            fast = lists.compiled(self.shape, rows.model)
            page = paginator.paginate_queryset(fast.query(rows), self.request, view=self)
            data = fast.write(page, context)
        else:
            page = paginator.paginate_queryset(rows, self.request, view=self)
            shown = self.shape(self.presented(page), many=True, context=dict(context or {}))
            data = list(shown.data)
        return paginator.get_paginated_response(expansion.expand(self, self.shape, data))

    def presented(self, page: list[Any]) -> Iterable[Any]:
        """Return what the serializer is given for the rows of a page."""
        return page


def order_of(request: Request, orders: Mapping[str, str]) -> Order:
    """Return the order that a request asks for. Raises InvalidInput for one that is not allowed."""
    allowed = order_names(orders)
    name = request.query_params.get(ORDERING, allowed[0])
    if name in allowed:
        return Order(orders[name.removeprefix("-")], is_descending=name.startswith("-"))
    message = f"The list cannot be sorted by {name[:80]!r}."
    fix = f"What it can be sorted by: {', '.join(allowed)}; a minus means descending."
    raise InvalidInput.at(
        f"#/{ORDERING}", location="query", code=ORDERING, message=message, fix=fix
    )


def order_names(orders: Mapping[str, str]) -> list[str]:
    """Return the values of `ordering`, the default first."""
    return [sign + name for name in orders for sign in ("-", "")]


def _names(shape: expansion.Shape) -> frozenset[str]:
    return frozenset({expansion.PARAMETER} if expansion.relations_of(shape) else ())


def ordering_parameter(orders: Mapping[str, str]) -> dict[str, Any]:
    """Describe `ordering` to OpenAPI."""
    names = order_names(orders)
    return {
        "name": ORDERING,
        "in": "query",
        "description": "What the rows are sorted by; a minus means descending. A cursor holds for its ordering.",
        "schema": {"type": "string", "enum": names, "default": names[0]},
    }


def expand_parameter(view: Any) -> dict[str, Any] | None:
    """Describe `expand` to OpenAPI, if the view's rows refer to something that can be shown."""
    shape: expansion.Shape = getattr(view, "shape", None)
    relations = expansion.relations_of(shape) if isinstance(view, Showing) else {}
    if not relations:
        return None
    return {
        "name": expansion.PARAMETER,
        "in": "query",
        "description": (
            "What to show with each row, in its member `expanded`; several names are separated by commas. Needs what "
            "reading it by itself needs; null is what does not exist, or is not yours to see."
        ),
        "schema": {
            "type": "array",
            "items": {"type": "string", "enum": list(relations)},
            "minItems": 1,
        },
        "style": "form",
        "explode": False,
    }
