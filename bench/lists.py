"""Fifty rows, view to bytes: a stock ModelViewSet beside a list of ours over the same rows and the same serializer.

Both without authentication and throttles, in one process, in turns; processor time of the thread.
"""

# ruff: noqa: PLC0415  (Django is set up before anything of the product is imported)

import statistics
import time
from collections.abc import Callable
from typing import Any

ROWS = 50
_CALLS = 40


def lists(house: Any, *, rounds: int) -> str:
    """Return the table."""
    for number in range(ROWS):
        house.key(name=f"Key {number}", metadata={"team": "payments"}, external_id=str(number))
    contestants = _contestants(house.organization.pk)
    spent: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, ask in contestants.items():
            spent[name].append(_cost(ask))
    middle = {name: statistics.median(each) for name, each in spent.items()}
    stock = middle["stock ModelViewSet"]
    lines = ["### Lists", "", f"| {ROWS} rows, view to bytes | ms | ÷ stock |", "|---|---:|---:|"]
    lines += [f"| {name} | {ms:.2f} | {ms / stock:.2f} |" for name, ms in middle.items()]
    return "\n".join([*lines, "", "Goal: at most 0.25 of stock; moonshot 0.08.", ""])


def _cost(ask: Callable[[], bytes]) -> float:
    ask()
    began = time.thread_time()
    for _ in range(_CALLS):
        ask()
    return (time.thread_time() - began) * 1000 / _CALLS


def _contestants(organization_id: int) -> dict[str, Callable[[], bytes]]:
    from rest_framework.pagination import CursorPagination as StockPagination
    from rest_framework.renderers import JSONRenderer
    from rest_framework.request import Request
    from rest_framework.response import Response
    from rest_framework.test import APIRequestFactory
    from rest_framework.viewsets import ModelViewSet

    from apikeys import selectors
    from apikeys.api.serializers import ApiKeySerializer
    from apikeys.models import ApiKey
    from config.common import lists as compiled_lists
    from config.common.pagination import CursorPagination
    from config.common.views import ApiView

    class Open:
        authentication_classes = ()
        permission_classes = ()
        throttle_classes = ()

    class NewestFirst(StockPagination):
        page_size = ROWS
        ordering = "-created_at"

    class Stock(Open, ModelViewSet[ApiKey]):
        serializer_class = ApiKeySerializer
        pagination_class = NewestFirst
        renderer_classes = (JSONRenderer,)
        filter_backends = ()
        queryset = selectors.keys().filter(organization_id=organization_id)

    class Ours(Open, ApiView):
        def get(self, request: Request) -> Response:
            fast = compiled_lists.compiled(ApiKeySerializer)
            rows = selectors.keys().filter(organization_id=organization_id)
            paginator = CursorPagination()
            page = paginator.paginate_queryset(fast.query(rows), request, view=self)
            return paginator.get_paginated_response(fast.write(page))

    request = APIRequestFactory().get("/")
    views = {"stock ModelViewSet": Stock.as_view({"get": "list"}), "ours": Ours.as_view()}

    def asking(view: Any) -> Callable[[], bytes]:
        def ask() -> bytes:
            response = view(request)
            assert response.status_code == 200
            content: bytes = response.render().content
            return content

        return ask

    return {name: asking(view) for name, view in views.items()}
