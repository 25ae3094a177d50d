"""Periodic jobs, switched off and on by staff; what they do and how often is code."""

from django.db import transaction
from django_celery_beat.models import PeriodicTask

from config.common import changes
from config.common.events import publish
from config.common.signals import JobSwitched


@transaction.atomic
def switch(*, job: PeriodicTask, is_on: bool) -> bool:
    """Let a periodic job ring or not; return whether that is new. Beat looks within seconds."""
    locked = PeriodicTask.objects.select_for_update().get(pk=job.pk)
    if locked.enabled == is_on:
        return False
    before = changes.snapshot(locked)
    locked.enabled = is_on
    locked.save()  # its own `save` tells beat
    changed = changes.since(before, locked)
    publish(JobSwitched(periodic_job_id=locked.pk, job=locked.name, is_on=is_on), **changed)
    return True
