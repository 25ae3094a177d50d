"""Liveness, readiness and metrics."""

import time
from collections.abc import Callable

import redis
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from analytics.metering import stream
from apikeys.gateway import app as gate
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
    """Export Prometheus metrics: Django's own, the gate's, and how many calls wait to be ingested."""
    response: HttpResponse = ExportToDjangoView(request)  # type: ignore[no-untyped-call]
    response.write(gate.metrics_text())
    response.write(_stream_metrics())
    return response


def _stream_metrics() -> str:
    try:
        length, first = stream.length(), stream.oldest(1)
    except redis.RedisError:
        return ""
    age = time.time() - first[0].at_ms / 1000 if first else 0.0
    return (
        "# HELP tollgate_usage_stream_length Calls that wait to be ingested.\n"
        "# TYPE tollgate_usage_stream_length gauge\n"
        f"tollgate_usage_stream_length {length}\n"
        "# HELP tollgate_usage_stream_lag_seconds Age of the oldest call that waits.\n"
        "# TYPE tollgate_usage_stream_lag_seconds gauge\n"
        f"tollgate_usage_stream_lag_seconds {max(age, 0.0):.3f}\n"
    )
