"""The layers are the law: import contracts, and foreign keys, which are dependencies, too."""

import subprocess
import sys
from pathlib import Path

from django.apps import apps
from django.db.models import ForeignKey, ManyToManyField, OneToOneField

from tests.architecture.source import APPS, ROOT

HEIGHT = {app: height for height, app in enumerate(("common", *APPS))}


def test_import_contracts_hold():
    lint = Path(sys.executable).parent / "lint-imports"

    result = subprocess.run(
        [lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=100
    )

    assert result.returncode == 0, result.stdout


def test_foreign_keys_point_down():
    upward = [
        f"{model._meta.label}.{field.name} → {field.related_model._meta.label}"
        for app in HEIGHT
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if isinstance(field, ForeignKey | OneToOneField | ManyToManyField)
        and HEIGHT.get(field.related_model._meta.app_label, -1) > HEIGHT[app]
    ]

    assert upward == []
