"""`ingest_access_log`: nginx's JSON log fills in what only the proxy knows, once, wherever reading stopped."""

import contextlib
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from io import StringIO
from pathlib import Path

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from analytics import histogram
from analytics.metering.access_log import CHUNK_BYTES
from analytics.models import AccessLogPosition, ApiUsageLog, DailyUsage, WaitingReport
from analytics.services import access_log, ingest, outcomes
from tests.analytics.pen import ROLLUPS, event, request_id, snapshot, write
from tests.doubles.fixtures import enterable_directory
from tests.patience import until
from tests.race import at_once

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = timedelta(seconds=-60)


def line(request_id: str, **changes) -> bytes:
    """Return one line as deploy/nginx/tollgate.conf has nginx write it."""
    fields = {
        "request_id": request_id,
        "msec": time.time(),
        "status": 200,
        "request_time": 0.042,
        "upstream_time": "0.041",
        "upstream_status": "200",
        "key_id": "7",
        "auth_status": "",
        "method": "GET",
        "path": "/v1/things/7",
        "bytes_in": 120,
        "bytes_out": 3400,
    }
    return orjson.dumps(fields | changes) + b"\n"


def append(path: Path, *lines: bytes) -> None:
    with path.open("ab") as file:
        file.writelines(lines)


def read_all(path: Path) -> access_log.Progress:
    total = access_log.Progress()
    while (step := access_log.read_on(path, quiet=AT_ONCE)).lines:
        total = total.plus(step)
    return total.plus(step)


def make_due() -> datetime:
    """Let the reports that wait be tried again; return the time that the transaction goes by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    WaitingReport.objects.update(retry_at=now)
    return now


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.json"
    path.touch()
    return path


@pytest.fixture
def made(key):
    """Make and ingest calls; return their request ids."""

    def made(count: int = 1, **changes) -> list[str]:
        ids = [request_id() for _ in range(count)]
        write(*(event(key, request_id=each, **changes) for each in ids))
        ingest.drain()
        return ids

    return made


def test_fills_in_the_call_and_every_sum(log, made):
    first, second, third = made(3)
    append(
        log,
        line(first),
        line(second, status=404, request_time=0.5, bytes_in=1, bytes_out=2),
        line(third, status=503, request_time=1.25),
    )

    progress = read_all(log)

    assert progress == access_log.Progress(lines=3, filled=3)
    call = ApiUsageLog.objects.get(request_id=second)
    assert (call.status, call.latency_ms, call.bytes_in, call.bytes_out) == (404, 500, 1, 2)
    for table in ROLLUPS:
        (row,) = table.objects.all()
        assert (row.calls, row.reported, row.client_errors, row.server_errors) == (3, 3, 1, 1)
        assert (row.bytes_in, row.bytes_out) == (241, 6802)
        assert sum(row.latency) == 3
        assert histogram.quantile(row.latency, 1.0) == pytest.approx(1250, rel=0.05)


def test_reading_again_adds_nothing(log, made):
    (call,) = made()
    append(log, line(call), line(call, status=500))
    read_all(log)
    before = snapshot()
    AccessLogPosition.objects.all().delete()

    assert read_all(log).filled == 0

    assert snapshot() == before
    assert not WaitingReport.objects.exists()


def test_goes_on_where_it_stopped(log, made):
    first, second = made(2)
    append(log, line(first))
    assert read_all(log).lines == 1
    append(log, line(second))

    assert read_all(log) == access_log.Progress(lines=1, filled=1)


def test_a_line_without_its_end_waits_for_it(log, made):
    (call,) = made()
    whole = line(call)
    append(log, whole[:50])
    assert read_all(log).lines == 0
    append(log, whole[50:])

    assert read_all(log).filled == 1


def test_lines_of_other_kinds_are_passed_over(log, made):
    (call,) = made()
    append(
        log,
        line(request_id(), key_id=""),
        line(call, auth_status="429", status=429),
        b"not json\n",
        b'{"request_id":"abcdefgh"}\n',
        line("short"),
        line(request_id(), status=1000),
        line(request_id(), bytes_in=-1),
        line(request_id(), request_time="slow"),
        line(request_id(), msec=1e15),
        line(call, bytes_out=2**62),
        line(call),
    )

    progress = read_all(log)

    assert (progress.lines, progress.unreadable, progress.filled) == (11, 8, 1)
    assert ApiUsageLog.objects.get().status == 200
    assert not WaitingReport.objects.exists()


def test_a_path_that_is_no_text_is_no_damage(log, made):
    """nginx writes the bytes that a client escaped."""
    (call,) = made()
    append(log, line(call, path="/caf#").replace(b"#", b"\xe9\xed\xa0\x80"))

    assert read_all(log) == access_log.Progress(lines=1, filled=1)


def test_a_refused_call_has_no_part_in_latency_and_errors(log, made):
    (call,) = made(outcome="RATE_LIMITED")
    append(log, line(call, status=500))

    read_all(log)

    row = DailyUsage.objects.get()
    assert (row.reported, row.server_errors, row.latency, row.bytes_out) == (0, 0, [], 3400)


def test_a_line_before_its_event_waits_for_it(log, key):
    call = request_id()
    append(log, line(call))
    assert read_all(log) == access_log.Progress(lines=1)
    assert outcomes.count_waiting() == 1
    write(event(key, request_id=call))
    ingest.drain()
    make_due()

    assert read_all(log) == access_log.Progress(filled=1)

    assert ApiUsageLog.objects.get().status == 200
    assert DailyUsage.objects.get().reported == 1
    assert not WaitingReport.objects.exists()


def test_a_line_whose_event_will_not_come_is_given_up(log, made):
    now = time.time()
    append(log, line(request_id(), msec=now - 600), line(request_id(), msec=now))
    made()

    progress = read_all(log)

    assert progress.given_up == 1
    assert outcomes.count_waiting() == 1


def test_a_line_of_a_time_far_ahead_is_given_up(log, made):
    append(log, line(request_id(), msec=time.time() + 2 * 86_400))
    made()

    assert read_all(log).given_up == 1
    assert outcomes.count_waiting() == 0


def test_waiting_reports_are_tried_less_and_less_often(log):
    append(log, line(request_id()))
    read_all(log)
    for attempts, seconds in ((1, 2), (2, 4), (3, 8)):
        now = make_due()
        read_all(log)
        report = WaitingReport.objects.get()
        assert report.attempts == attempts
        assert report.retry_at - now == timedelta(seconds=seconds)


def test_a_renamed_log_is_finished_before_the_new_one(log, made):
    first, second, third = made(3)
    append(log, line(first))
    read_all(log)
    append(log, line(second))
    log.rename(log.with_name("access.json.1"))
    last = line(third)
    append(log, last)

    assert read_all(log) == access_log.Progress(lines=2, filled=2)
    assert AccessLogPosition.objects.get().offset == len(last)


def test_a_renamed_log_that_is_still_written_to_is_waited_for(log, made):
    first, second, third = made(3)
    append(log, line(first))
    read_all(log)
    log.rename(log.with_name("access.json.1"))
    append(log, line(third))

    assert access_log.read_on(log, quiet=timedelta(seconds=60)).lines == 0

    append(log.with_name("access.json.1"), line(second))
    assert read_all(log).filled == 2


def test_two_rotations_while_nobody_read_lose_nothing(log, made):
    calls = made(4)
    append(log, line(calls[0]))
    read_all(log)
    for number, (old, new) in enumerate(
        [("access.json", "access.json.2"), ("access.json", "access.json.1")]
    ):
        append(log, line(calls[number + 1]))
        (log.parent / old).rename(log.parent / new)
        os.utime(log.parent / new, (time.time() - 100 + number, time.time() - 100 + number))
    append(log, line(calls[3]))

    assert read_all(log) == access_log.Progress(lines=3, filled=3)


def test_a_copied_and_emptied_log_is_read_from_its_beginning(log, made):
    first, second, third = made(3)
    append(log, line(first))
    read_all(log)
    append(log, line(second))
    log.with_name("access.json.1").write_bytes(log.read_bytes())
    log.write_bytes(line(third))

    assert read_all(log) == access_log.Progress(lines=2, filled=2)


@pytest.mark.django_db(transaction=True)
def test_two_readers_read_every_line_once(log, made):
    first, *others = made(500)
    append(log, line(first))
    read_all(log)
    append(log, *(line(call) for call in others))

    steps = at_once(*[lambda: read_all(log)] * 2)

    assert sum(step.lines for step in steps) == len(others)
    assert sum(step.filled for step in steps) == len(others)
    assert AccessLogPosition.objects.get().offset == log.stat().st_size


def test_a_vanished_predecessor_does_not_stop_reading(log, made):
    first, second = made(2)
    append(log, line(first))
    read_all(log)
    log.unlink()
    append(log, line(second))

    assert read_all(log).filled == 1


def test_a_log_without_any_line_end_does_not_stop_reading(log, made):
    (call,) = made()
    append(log, b"x" * (CHUNK_BYTES + 10), b"\n", line(call))

    progress = read_all(log)

    assert (progress.unreadable, progress.filled) == (2, 1)


def test_command_reports_and_refuses_a_missing_file(log, made):
    (call,) = made()
    append(log, line(call))
    output = StringIO()

    call_command("ingest_access_log", str(log), stdout=output)

    assert output.getvalue() == (
        "1 lines read, 0 of them unreadable; 1 calls filled in, 0 reports wait for their call, 0 given up\n"
    )
    with pytest.raises(CommandError, match="no file"):
        call_command("ingest_access_log", str(log.with_name("other.json")))


def test_command_says_that_it_may_not_read_the_log():
    """nginx's logs are often root's and nobody else's."""
    with enterable_directory() as directory:
        path = directory / "access.json"
        path.touch(mode=0o000)
        with (
            _as_anybody(),
            pytest.raises(CommandError, match=rf"^{path} cannot be read: Permission denied\.$"),
        ):
            call_command("ingest_access_log", str(path))


@contextlib.contextmanager
def _as_anybody() -> Iterator[None]:
    """Have no more rights than anybody: modes of files mean nothing to root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(before)


def reported() -> int:
    return ApiUsageLog.objects.filter(status=500).count()


def has_reported(before: int) -> bool:
    return reported() > before


@pytest.mark.django_db(transaction=True)
def test_a_killed_reader_counts_every_line_once(log, made):
    calls = made(3_000)
    command = [sys.executable, str(ROOT / "manage.py"), "ingest_access_log", str(log), "--follow"]
    for first in (0, 1_000):
        before = reported()
        append(log, *(line(call, status=500) for call in calls[first : first + 1_000]))
        reader = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        until(partial(has_reported, before))
        append(log, *(line(call, status=500) for call in calls[2_000:]))
        time.sleep(0.05)
        reader.send_signal(signal.SIGKILL)
        reader.wait()

    read_all(log)

    assert reported() == 3_000
    row = DailyUsage.objects.get()
    assert (row.calls, row.reported, row.server_errors, sum(row.latency)) == (3_000,) * 4
