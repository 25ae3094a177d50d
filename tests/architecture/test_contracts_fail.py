"""Each import contract is able to fail: a deliberate bad import in a copy of the tree is refused."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGES, ROOT

BAD_IMPORTS = {
    "apps": ("accounts/selectors.py", "import billing.models"),
    "inside": ("accounts/signals/__init__.py", "import accounts.models"),
    "domain": ("accounts/services/profile.py", "import rest_framework.response"),
    "interfaces": ("config/health.py", "import accounts.admin"),
    "sdks": ("billing/selectors.py", "import stripe"),
    "settings": ("config/health.py", "import config.settings.base"),
}


def test_every_contract_is_tried():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {one["id"] for one in project["tool"]["importlinter"]["contracts"]}

    assert contracts == {*BAD_IMPORTS, "cycles"}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__", "static")
        )
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


@pytest.mark.parametrize("contract", sorted(BAD_IMPORTS))
def test_contract_refuses_a_bad_import(copy, contract):
    file, line = BAD_IMPORTS[contract]
    original = (copy / file).read_text(encoding="utf-8")
    (copy / file).write_text(f"{original}\n{line}\n", encoding="utf-8")

    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--contract", contract],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=100,
    )
    (copy / file).write_text(original, encoding="utf-8")

    assert result.returncode == 1
    assert "BROKEN" in result.stdout


def test_cycles_are_refused(copy):
    money = copy / "config/common/money.py"
    original = money.read_text(encoding="utf-8")
    money.write_text(f"{original}\nimport config.common.mail\n", encoding="utf-8")
    mail = copy / "config/common/mail.py"
    mail_original = mail.read_text(encoding="utf-8")
    mail.write_text(f"{mail_original}\nimport config.common.money\n", encoding="utf-8")

    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--contract", "cycles"],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=100,
    )
    money.write_text(original, encoding="utf-8")
    mail.write_text(mail_original, encoding="utf-8")

    assert result.returncode == 1
    assert "BROKEN" in result.stdout
