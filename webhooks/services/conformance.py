"""Conformance runs: an endpoint is sent a row of probes, and its owner is told what its server does right and wrong.

A run is a row; the job is a doorbell. Whoever claims a run holds a lease and a fence (`starts`), stores each result as
it comes, and grades in the end. A run whose worker died is begun again from its first probe.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from config.common import jobs
from config.common.errors import Conflict, TooManyRequests
from config.common.events import publish
from config.common.http import Client, Trouble
from webhooks.models import ConformanceRun, DisabledReason, Kind, RunStatus, Webhook
from webhooks.services import endpoints, probes, secrets
from webhooks.services.probes import Probe, Subject
from webhooks.signals import ConformanceFinished, ConformanceRequested

JOB = "webhooks.run_conformance"
MAX_PER_HOUR = 20
MAX_STARTS = 3
LEASE = timedelta(seconds=60)
# The probes of one run together; what is left then is skipped.
_PATIENCE_SECONDS = 120.0
_MAX_SILENCES = 2
# With the last run's patience, well under the job's time limit.
_WORK_SECONDS = 90.0
_TAKE_TURN = "SELECT pg_try_advisory_lock(hashtext('tollgate.webhooks.conformance'))"
_END_TURN = "SELECT pg_advisory_unlock(hashtext('tollgate.webhooks.conformance'))"
_OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)
# Nobody in the organization can switch such an endpoint on.
_SHUT = (DisabledReason.STAFF, DisabledReason.CLOSED)


class ConformanceUnavailable(Conflict):
    """The probes are Standard Webhooks; this endpoint gets another form, or was switched off by staff."""

    code = "conformance_unavailable"
    title = "There is nothing to probe"
    fix = "Run it on an enabled endpoint of the kind `standard`."


class ConformanceRunning(Conflict):
    """A conformance run of this webhook is under way."""

    code = "conformance_running"
    title = "A run is under way"
    fix = "Wait for the present run to finish."


class TooManyRuns(TooManyRequests):
    """The organization has begun as many conformance runs as it may within an hour."""

    code = "conformance_limit_reached"
    title = "Too many conformance runs"
    answered_by = ("webhooks_conformance_start",)


@transaction.atomic
def request_run(*, webhook: Webhook, requested_by: User | None, at: datetime) -> ConformanceRun:
    """Queue a run and return it. Raises ConformanceUnavailable, ConformanceRunning or TooManyRuns."""
    locked = endpoints.locked_row(webhook.pk)
    if locked.kind != Kind.STANDARD or locked.disabled_reason in _SHUT:
        raise ConformanceUnavailable
    if locked.conformance_runs.filter(status__in=_OPEN).exists():
        raise ConformanceRunning
    _require_few(locked.organization_id, at)
    run = ConformanceRun.objects.create(
        organization_id=locked.organization_id,
        webhook=locked,
        requested_by=requested_by,
        url=locked.url,
        probes_total=probes.TOTAL,
    )
    publish(
        ConformanceRequested(
            organization_id=locked.organization_id, webhook_id=locked.pk, run_id=run.pk
        )
    )
    jobs.enqueue(JOB)
    return run


def _require_few(organization_id: int, at: datetime) -> None:
    since = at - timedelta(hours=1)
    begun = ConformanceRun.objects.filter(organization_id=organization_id, created_at__gt=since)
    if begun.count() >= MAX_PER_HOUR:
        wait = {"Retry-After": "3600"}
        raise TooManyRuns(f"There were {MAX_PER_HOUR} runs within an hour.", headers=wait)


def run_due(*, clock: Callable[[], datetime] = timezone.now, seconds: float = _WORK_SECONDS) -> int:
    """Do the runs that wait, one after the other, and return how many there were.

    Nothing happens where another process does so: however slow servers are, they take the time of one worker. What is
    left when the time is up is for the next job.
    """
    deadline, done = time.monotonic() + seconds, 0
    with _turn() as is_ours:
        while is_ours and time.monotonic() < deadline and (run := _claim(at=clock())) is not None:
            _execute(run, clock)
            done += 1
    return done


@contextlib.contextmanager
def _turn() -> Iterator[bool]:
    """Hold the one place of those who send probes; the database takes it back when its holder dies."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_TURN)
        is_ours = cursor.fetchone() == (True,)
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute(_END_TURN)


@transaction.atomic
def _claim(*, at: datetime) -> ConformanceRun | None:
    waiting = Q(status=RunStatus.QUEUED) | Q(status=RunStatus.RUNNING, leased_until__lt=at)
    run = (
        ConformanceRun.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(waiting)
        .order_by("id")
        .first()
    )
    if run is None:
        return None
    run.status, run.results = RunStatus.RUNNING, []
    run.starts, run.started_at, run.leased_until = run.starts + 1, at, at + LEASE
    run.save(update_fields=["status", "results", "starts", "started_at", "leased_until"])
    return run


def _execute(run: ConformanceRun, clock: Callable[[], datetime]) -> None:
    if run.starts > MAX_STARTS:
        _close(run, at=clock(), status=RunStatus.FAILED)
        return
    webhook = Webhook.objects.filter(pk=run.webhook_id).first()
    if webhook is None:
        # It was deleted a moment ago, and the run with it.
        return
    if webhook.url != run.url or webhook.disabled_reason in _SHUT:
        # What it is told now, such as a credential in its headers, is not meant for where it was before.
        _close(run, at=clock(), status=RunStatus.FAILED)
        return
    subject = Subject(
        url=run.url,
        signature=webhook.signature,
        secrets=secrets.in_force([webhook.pk], at=clock())[webhook.pk],
        headers=endpoints.headers_of(webhook),
    )
    is_ours = _send_all(run, subject, clock)
    if is_ours:
        run.results.append(probes.observed_speed(run.results))
        run.results.append(probes.observed_encryption(run.url))
        _close(run, at=clock(), status=RunStatus.FINISHED)


def _send_all(run: ConformanceRun, subject: Subject, clock: Callable[[], datetime]) -> bool:
    """Send the probes in their order and store what each found; return whether the run was still ours in the end."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with asyncio.Runner() as runner:
        client = Client()
        runner.run(client.__aenter__())
        try:
            for probe in probes.PROBES:
                why = _reason_to_skip(probe, run.results, is_late=time.monotonic() > deadline)
                if why:
                    result = probes.skipped(probe, why)
                else:
                    request = probe.build(subject, clock())
                    posted = client.post(subject.url, headers=request.headers, body=request.body)
                    answer = runner.run(posted)
                    result = probes.judged(probe, answer)
                    result["trouble"] = answer.trouble.value if answer.trouble else ""
                run.results.append(result)
                if not _keep(run, at=clock()):
                    return False
        finally:
            runner.run(client.__aexit__(None, None, None))
    return True


def _reason_to_skip(probe: Probe, results: Sequence[dict[str, Any]], *, is_late: bool) -> str:
    if not results:
        return ""
    troubles = [row.get("trouble", "") for row in results]
    unreached = {Trouble.UNREACHABLE, Trouble.BLOCKED, Trouble.UNTRUSTED}
    if troubles[0] in unreached:
        return "Your server could not be reached."
    if troubles.count(Trouble.TIMED_OUT) >= _MAX_SILENCES or is_late:
        return "Your server took too long with the probes before."
    if not probe.is_welcome and results[0]["verdict"] != probes.Verdict.PASSED:
        return "Your server refused the correct event, too, so a refusal says nothing."
    return ""


def _keep(run: ConformanceRun, *, at: datetime) -> bool:
    """Store the results so far and prolong the lease; False when somebody else has the run, or nobody."""
    ours = ConformanceRun.objects.filter(
        pk=run.pk, status=RunStatus.RUNNING, starts=run.starts
    ).update(results=run.results, leased_until=at + LEASE)
    return bool(ours)


@transaction.atomic
def _close(run: ConformanceRun, *, at: datetime, status: RunStatus) -> None:
    locked = (
        ConformanceRun.objects.select_for_update(of=("self",))
        .filter(pk=run.pk, status=RunStatus.RUNNING, starts=run.starts)
        .first()
    )
    if locked is None:
        return
    locked.status, locked.results = status, run.results
    locked.completed_at, locked.leased_until = at, None
    if status == RunStatus.FINISHED:
        locked.score, locked.grade = probes.graded(run.results)
    locked.save()
    publish(
        ConformanceFinished(
            organization_id=locked.organization_id,
            webhook_id=locked.webhook_id,
            run_id=locked.pk,
            grade=locked.grade,
        )
    )
