"""The product as it is, with a few doors that crash on purpose."""

# ruff: noqa: F403

from tests.doubles.patient_settings import *

ROOT_URLCONF = "tests.canary.urls"
CELERY_IMPORTS = ["tests.canary.jobs"]
