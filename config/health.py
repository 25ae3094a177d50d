"""Liveness, readiness and metrics."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import psycopg
import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from analytics.metering import stream
from apikeys.gateway import app as gate
from audit import selectors
from config.common import mail
from config.common import redis as connections
from webhooks import metering as webhooks


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process answers, whatever else is away."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether requests can be served, within two seconds: 503 names what is missing."""
    deadline = time.monotonic() + _READY_SECONDS
    asked = {name: _checks.submit(check) for name, check in _CHECKS.items()}
    results = {name: _verdict(check, deadline) for name, check in asked.items()}
    is_ready = all(results.values())
    answer = {name: "ok" if good else "unavailable" for name, good in results.items()}
    body = {"status": "ok" if is_ready else "unavailable", "checks": answer}
    return JsonResponse(body, status=200 if is_ready else 503)


def _verdict(check: "Future[bool]", deadline: float) -> bool:
    try:
        return check.result(timeout=max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        check.cancel()
        return False


def _database() -> bool:
    # A connection of its own: the pool's patience is longer than ours.
    try:
        with psycopg.connect(settings.DATABASE_URL, connect_timeout=2) as database:
            database.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def _migrations() -> bool:
    # What is applied stays applied, so this process asks until it has heard yes once.
    if not _migrated.is_set():
        try:
            executor = MigrationExecutor(connection)
            if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
                _migrated.set()
        except DatabaseError:
            return False
        finally:
            connection.close()
    return _migrated.is_set()


def _redis() -> bool:
    try:
        return bool(connections.client().ping())
    except redis.RedisError:
        return False


_READY_SECONDS = 1.5
_CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database,
    "migrations": _migrations,
    "redis": _redis,
}
# As many threads as checks, twice: one that hangs does not keep the next probe from asking.
_checks = ThreadPoolExecutor(max_workers=2 * len(_CHECKS), thread_name_prefix="readiness")
_migrated = Event()


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Export Prometheus metrics: Django's own, the gate's, what waits, webhooks, and what concerns security."""
    response: HttpResponse = ExportToDjangoView(request)  # type: ignore[no-untyped-call]
    response.write(gate.metrics_text())
    response.write(_stream_metrics())
    response.write(_database_metrics())
    response.write(_webhook_metrics())
    return response


def _stream_metrics() -> str:
    try:
        length, age = stream.backlog()
    except redis.RedisError:
        return ""
    return (
        "# HELP tollgate_usage_stream_length Calls that wait to be ingested.\n"
        "# TYPE tollgate_usage_stream_length gauge\n"
        f"tollgate_usage_stream_length {length}\n"
        "# HELP tollgate_usage_stream_lag_seconds Age of the oldest call that waits.\n"
        "# TYPE tollgate_usage_stream_lag_seconds gauge\n"
        f"tollgate_usage_stream_lag_seconds {age:.3f}\n"
    )


def _database_metrics() -> str:
    # Read from the rows themselves, so that every process tells the same.
    try:
        waiting, failed = mail.waiting_and_failed()
        noted = selectors.security_events_by_name(at=timezone.now())
    except (DatabaseError, InterfaceError):
        return ""
    lines = [
        "# HELP tollgate_mails Mails that wait to be sent, and that were given up and can be sent again.",
        "# TYPE tollgate_mails gauge",
        f'tollgate_mails{{state="waiting"}} {waiting}',
        f'tollgate_mails{{state="failed"}} {failed}',
        "# HELP tollgate_security_events Security events of the last hour.",
        "# TYPE tollgate_security_events gauge",
        *(
            f'tollgate_security_events{{name="{name}",severity="{severity}"}} {times}'
            for name, severity, times in noted
        ),
    ]
    return "\n".join(lines) + "\n"


def _webhook_metrics() -> str:
    try:
        return webhooks.prometheus_text(at=timezone.now())
    except (DatabaseError, InterfaceError):
        return ""
