"""Liveness, readiness and metrics."""

from collections.abc import Callable

import redis
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from config.common import redis as connections


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process answers, whatever else is away."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether requests can be served: 503 names what is missing."""
    checks: dict[str, Callable[[], bool]] = {
        "database": _database,
        "migrations": _migrations,
        "redis": _redis,
    }
    results = {name: check() for name, check in checks.items()}
    is_ready = all(results.values())
    answer = {name: "ok" if good else "unavailable" for name, good in results.items()}
    body = {"status": "ok" if is_ready else "unavailable", "checks": answer}
    return JsonResponse(body, status=200 if is_ready else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 1000")
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _migrations() -> bool:
    try:
        executor = MigrationExecutor(connection)
    except DatabaseError:
        return False
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _redis() -> bool:
    try:
        return bool(connections.client().ping())
    except redis.RedisError:
        return False


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Export Prometheus metrics: Django's own and the gate's."""
    response: HttpResponse = ExportToDjangoView(request)  # type: ignore[no-untyped-call]
    return response
