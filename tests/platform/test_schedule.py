"""The schedule in the code and the schedule that beat reads are the same; staff decide what is switched on."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from config.management.commands import sync_schedule
from config.schedule import SCHEDULE, PeriodicJob

pytestmark = pytest.mark.django_db


def sync():
    told = StringIO()
    call_command("sync_schedule", stdout=told)
    return told.getvalue()


def test_every_job_is_written_and_due_at_once():
    assert sync() == f"{len(SCHEDULE)} jobs are scheduled; {len(SCHEDULE)} changed.\n"

    rows = {row.name: row for row in PeriodicTask.objects.select_related("interval")}
    assert sorted(rows) == sorted(job.task for job in SCHEDULE)
    for job in SCHEDULE:
        row = rows[job.task]
        assert row.task == job.task
        assert timedelta(seconds=row.interval.every) == job.every
        assert row.last_run_at <= timezone.now() - job.every


def test_second_time_changes_nothing():
    sync()
    before = list(PeriodicTask.objects.order_by("pk").values())

    assert sync() == f"{len(SCHEDULE)} jobs are scheduled; 0 changed.\n"

    assert list(PeriodicTask.objects.order_by("pk").values()) == before


def test_switched_off_job_stays_off(monkeypatch):
    sync()
    name = SCHEDULE[0].task
    PeriodicTask.objects.filter(name=name).update(enabled=False)
    slower = PeriodicJob(name, timedelta(hours=7), "Later.")
    monkeypatch.setattr(sync_schedule, "SCHEDULE", (slower, *SCHEDULE[1:]))

    assert sync() == f"{len(SCHEDULE)} jobs are scheduled; 1 changed.\n"

    row = PeriodicTask.objects.select_related("interval").get(name=name)
    assert (row.enabled, row.interval.every) == (False, 7 * 3600)


def test_job_that_is_gone_is_removed_and_staffs_own_stays(monkeypatch):
    sync()
    interval = PeriodicTask.objects.get(name=SCHEDULE[0].task).interval
    PeriodicTask.objects.create(name="ours", task="mail.sweep", interval=interval)
    monkeypatch.setattr(sync_schedule, "SCHEDULE", SCHEDULE[1:])

    sync()

    names = set(PeriodicTask.objects.values_list("name", flat=True))
    assert names == {"ours", *(job.task for job in SCHEDULE[1:])}
