"""A job asked for by name exists, and so does every job that the schedule starts."""

import ast

from config.celery import app
from config.schedule import SCHEDULE
from tests.architecture.source import modules, tree


def _registered() -> set[str]:
    app.loader.import_default_modules()
    return {name for name in app.tasks if not name.startswith("celery.")}


def _enqueued():
    return {
        node.args[0].value
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("enqueue")
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def test_every_enqueued_job_exists():
    enqueued = _enqueued()

    assert "mail.deliver" in enqueued
    assert enqueued <= _registered()


def test_every_scheduled_job_exists():
    assert {job.task for job in SCHEDULE} <= _registered()
