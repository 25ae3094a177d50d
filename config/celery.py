"""The Celery application. Tasks are found in every app's `tasks.py`."""

from typing import Any

from celery import Celery
from celery.signals import task_failure, worker_process_init
from django.apps import apps
from django_structlog.celery.steps import DjangoStructLogInitStep

from config.common import memory

app = Celery("tollgate")
# Threads that did not import this module use it, too, whatever was imported before it.
app.set_default()
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(lambda: [installed.name for installed in apps.get_app_configs()])
app.steps["worker"].add(DjangoStructLogInitStep)


@task_failure.connect(dispatch_uid="reports")
def _report(exception: BaseException, **_: Any) -> None:
    # Imported here: the application is loaded before Django's apps are.
    from config.common import reports  # noqa: PLC0415

    reports.capture(exception)


@worker_process_init.connect(dispatch_uid="memory")
def _settle(**_: Any) -> None:
    memory.settle()
