"""The Celery application. Tasks are found in every app's `tasks.py`."""

from celery import Celery
from django.apps import apps
from django_structlog.celery.steps import DjangoStructLogInitStep

app = Celery("tollgate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(lambda: [installed.name for installed in apps.get_app_configs()])
app.steps["worker"].add(DjangoStructLogInitStep)
