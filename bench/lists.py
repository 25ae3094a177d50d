"""Fifty rows, view to bytes: a stock ModelViewSet beside a list of ours over the same rows and the same serializer.

Both without authentication and throttles, in one process, in turns; processor time of the thread. Ours are the shapes,
filters and orders of the product's own views. The stock one reads times by Django's own loader, as a stock project does.
"""

# ruff: noqa: PLC0415  (Django is set up before anything of the product is imported)

import cProfile
import pstats
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ROWS = 50
_CALLS = 40
Ask = Callable[[], bytes]
# What stands around both sides of a comparison alike is left out.
_OPEN: dict[str, Any] = {
    "authentication_classes": (),
    "permission_classes": (),
    "throttle_classes": (),
}


def lists(house: Any, *, rounds: int, profiled: str = "") -> str:
    """Return the table; of the list that is named, print where its time goes."""
    from config.common import memory

    _furnish(house)
    contestants = _contestants(house.organization)
    if profiled:
        _profile(contestants[profiled][1])
    # As the product's web process does; both sides profit.
    memory.settle()
    spent: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in contestants}
    for _ in range(rounds):
        for name, pair in contestants.items():
            theirs, own = pair
            with _times_read_by_django():
                spent[name][0].append(_cost(theirs))
            spent[name][1].append(_cost(own))
    lines = [
        "### Lists",
        "",
        f"| {ROWS} rows, view to bytes | stock ModelViewSet ms | ours ms | ours ÷ stock |",
        "|---|---:|---:|---:|",
    ]
    for name, (stock, ours) in spent.items():
        most, least = statistics.median(stock), statistics.median(ours)
        lines.append(f"| {name} | {most:.2f} | {least:.2f} | {least / most:.2f} |")
    return "\n".join([*lines, "", "Goal: at most 0.25 of stock; moonshot 0.08.", ""])


@contextmanager
def _times_read_by_django() -> Iterator[None]:
    from django.db import connection
    from django.db.backends.postgresql.psycopg_any import register_tzloader

    from config.common import timestamps

    connection.ensure_connection()
    register_tzloader(connection.timezone, connection.connection)
    try:
        yield
    finally:
        timestamps.read_fast(connection)


def _cost(ask: Ask) -> float:
    ask()
    began = time.thread_time()
    for _ in range(_CALLS):
        ask()
    return (time.thread_time() - began) * 1000 / _CALLS


def _profile(ask: Ask) -> None:
    ask()
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(200):
        ask()
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    pstats.Stats(profile).sort_stats("cumulative").print_stats(70)


def _furnish(house: Any) -> None:
    """Make fifty rows and more of each kind, by the product's own services."""
    from django.utils import timezone

    from organizations.services import organizations
    from webhooks.services import endpoints, testing

    webhook, _ = endpoints.create_webhook(
        organization=house.organization,
        created_by=house.owner,
        settings={"url": "https://example.com/hooks"},
    )
    for number in range(ROWS):
        house.key(name=f"Key {number}", metadata={"team": "payments"}, external_id=str(number))
        testing.send_test(webhook=webhook, at=timezone.now())
        organizations.update_organization(
            organization=house.organization, changes={"metadata": {"number": number}}
        )


def _contestants(organization: Any) -> dict[str, tuple[Ask, Ask]]:
    from django.utils import timezone

    from apikeys import selectors as keys
    from apikeys.api.views import ApiKeyViewSet
    from audit import selectors as audit
    from audit.api.log import AuditLogListView
    from webhooks import selectors as webhooks
    from webhooks.api.deliveries import DeliveryListView
    from webhooks.selectors.lists import narrowed

    of_one = {"organization_id": organization.pk}
    subjects = {
        "API keys": (ApiKeyViewSet, keys.keys().filter(**of_one)),
        "audit log": (AuditLogListView, audit.log_of(organization, at=timezone.now())),
        "deliveries": (DeliveryListView, narrowed(webhooks.deliveries().filter(**of_one))),
    }
    # The log's own serializer goes past the framework's fields; its stock counterpart does not.
    stock_shapes = {"audit log": _stock_entries(AuditLogListView.shape)}
    return {
        name: (_stock(view, rows, stock_shapes.get(name)), _ours(view, rows))
        for name, (view, rows) in subjects.items()
    }


def _stock_entries(shape: Any) -> Any:
    from rest_framework.serializers import Serializer

    from audit import selectors

    class Entries(shape):  # type: ignore[misc]
        def to_representation(self, instance: Any) -> Any:
            return Serializer.to_representation(self, selectors.shown(instance))

    return Entries


def _stock(view: Any, rows: Any, shape: Any = None) -> Ask:
    from rest_framework.pagination import CursorPagination
    from rest_framework.renderers import JSONRenderer
    from rest_framework.viewsets import ModelViewSet

    class NewestFirst(CursorPagination):
        page_size = ROWS
        ordering = (f"-{next(iter(view.orders.values()))}", "-id")

    class Stock(ModelViewSet[Any]):
        serializer_class = shape or view.shape
        pagination_class = NewestFirst
        renderer_classes = (JSONRenderer,)
        filter_backends = ()
        queryset = rows

    return _asking(Stock.as_view({"get": "list"}, **_OPEN))


def _ours(view: Any, rows: Any) -> Ask:
    from rest_framework.request import Request
    from rest_framework.response import Response

    from config.common.listing import Listing

    class Ours(Listing):
        shape = view.shape
        filters = view.filters
        orders = view.orders
        is_compiled = view.is_compiled

        def get(self, request: Request) -> Response:
            self.asked()
            return self.listed(rows)

    return _asking(Ours.as_view(**_OPEN))


def _asking(view: Any) -> Ask:
    from rest_framework.test import APIRequestFactory

    request = APIRequestFactory().get("/")

    def ask() -> bytes:
        response = view(request)
        assert response.status_code == 200
        content: bytes = response.render().content
        return content

    return ask
