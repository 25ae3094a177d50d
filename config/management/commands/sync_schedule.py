"""Write the table of `config.schedule` to django-celery-beat."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from config.schedule import SCHEDULE, PeriodicJob

_MARK = "config.schedule: "


class Command(BaseCommand):
    """Makes beat's tables equal to the schedule; whether a job is switched on stays as staff left it."""

    help = "Write the schedule of periodic jobs to the database. Safe to repeat."

    @transaction.atomic
    def handle(self, *_args: Any, **options: Any) -> None:
        """Write what differs and remove what is gone."""
        changes = sum(_write(job) for job in SCHEDULE)
        gone = PeriodicTask.objects.filter(description__startswith=_MARK).exclude(
            name__in=[job.task for job in SCHEDULE]
        )
        changes += gone.delete()[0]
        if changes:
            PeriodicTasks.update_changed()  # type: ignore[no-untyped-call]
        if options["verbosity"]:
            self.stdout.write(f"{len(SCHEDULE)} jobs are scheduled; {changes} changed.")


def _write(job: PeriodicJob) -> bool:
    interval, _ = IntervalSchedule.objects.get_or_create(
        every=int(job.every.total_seconds()), period=IntervalSchedule.SECONDS
    )
    wanted = {
        "task": job.task,
        "interval": interval,
        "description": f"{_MARK}{job.purpose}",
        # A ring that was late would only be followed by the next one: it is dropped instead of piled up.
        "expire_seconds": max(int(job.every.total_seconds()), 10),
    }
    found = PeriodicTask.objects.filter(name=job.task).first()
    if found is not None and all(getattr(found, name) == value for name, value in wanted.items()):
        return False
    # Counted from an interval ago, a new job runs at once, and restarts do not put a daily job off for ever.
    created = {**wanted, "last_run_at": timezone.now() - job.every}
    PeriodicTask.objects.update_or_create(name=job.task, defaults=wanted, create_defaults=created)
    return True
