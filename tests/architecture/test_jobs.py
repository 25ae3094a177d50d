"""A job asked for by name exists, and so does every job that the schedule starts."""

import ast

from config.celery import app
from config.schedule import SCHEDULE
from tests.architecture.source import modules, name, tree


def _registered() -> set[str]:
    app.loader.import_default_modules()
    return {name for name in app.tasks if not name.startswith("celery.")}


def _enqueued() -> dict[str, str | None]:
    """Return the job that each call of `jobs` asks for, by place; None where the source does not say."""
    return {
        f"{name(path)}:{call.lineno}": _text(call.args[0], tree(path))
        for path in modules()
        for call in ast.walk(tree(path))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in {"jobs.enqueue", "jobs.enqueue_now"}
    }


def _text(argument: ast.expr, module: ast.Module) -> str | None:
    """Return a text that stands there, or the constant of the module that is named there."""
    if isinstance(argument, ast.Constant):
        return str(argument.value)
    for node in module.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if target is not None and ast.unparse(target) == ast.unparse(argument):
            value = getattr(node, "value", None)
            return str(value.value) if isinstance(value, ast.Constant) else None
    return None


def test_every_enqueued_job_exists():
    enqueued = _enqueued()

    assert {"mail.deliver", "webhooks.run_conformance", "organizations.look_into_absence"} <= {
        *enqueued.values()
    }
    registered = _registered()
    assert {place: job for place, job in enqueued.items() if job not in registered} == {}


def test_every_scheduled_job_exists():
    assert {job.task for job in SCHEDULE} <= _registered()
