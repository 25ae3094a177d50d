"""Sizes, docstrings, and habits that no linter knows."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.architecture.source import ROOT, functions, modules, name, tree

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 40
# Pages that need no gate: they show the row of whoever is signed in.
OF_ONESELF = {"accounts/views/profile.py"}


def test_modules_are_short():
    long = [
        name(path)
        for path in modules()
        if len(path.read_text(encoding="utf-8").splitlines()) > MAX_MODULE_LINES
    ]

    assert long == []


def test_functions_are_short():
    long = [
        f"{name(path)}:{function.name}"
        for path in modules()
        for function in functions(path)
        if (function.end_lineno or 0) - function.lineno + 1 > MAX_FUNCTION_LINES
    ]

    assert long == []


def test_functions_are_simple():
    """Ruff counts the ways through a function, eight at most, besides all its other rules."""
    ruff = Path(sys.executable).parent / "ruff"

    result = subprocess.run(
        [ruff, "check", "--no-cache", "."], cwd=ROOT, capture_output=True, text=True, timeout=100
    )

    assert result.returncode == 0, result.stdout


def test_every_module_says_what_it_is():
    silent = [
        name(path)
        for path in modules()
        if path.read_text(encoding="utf-8").strip() and ast.get_docstring(tree(path)) is None
    ]

    assert silent == []


def test_no_model_overrides_save_or_delete():
    overriding = [
        f"{name(path)}:{function.name}"
        for path in modules()
        if path.name == "models.py" or path.parent.name == "models"
        for function in functions(path)
        if function.name in {"save", "delete"}
    ]

    assert overriding == []


def test_no_row_is_fetched_past_the_tenancy_gate():
    """Customer-facing code asks the tenant for rows; `objects.get` and `get_object_or_404` would not."""
    bypassing = [
        name(path)
        for path in modules()
        if {"api", "views"} & {*path.parts, path.stem} and name(path) not in OF_ONESELF
        if "get_object_or_404" in (text := path.read_text(encoding="utf-8"))
        or ".objects.get(" in text
    ]

    assert bypassing == []


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_constraints_and_indexes_have_names_of_their_own():
    automatic = [
        name(path) for path in sorted(ROOT.glob("*/migrations/*.py")) if "_auto_" in path.name
    ]

    assert automatic == []
