"""What the product imports is installed by base.txt, not only by the test tools beside it."""

import ast
import re
import sys
from importlib.metadata import packages_distributions

from config.embedded.place import BASE_DIR

PACKAGES = (
    *("config", "accounts", "organizations", "billing"),
    *("apikeys", "analytics", "webhooks", "audit"),
)


def imported():
    """Return the top-level modules that the product's files import."""
    names = set()
    for path in (path for package in PACKAGES for path in (BASE_DIR / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - set(PACKAGES) - set(sys.stdlib_module_names)


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(name):
    text = (BASE_DIR / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==(\S+)", text, re.MULTILINE))


def test_every_imported_package_is_installed_to_run():
    providers = packages_distributions()

    missing = {
        module
        for module in imported()
        if not {normalized(name) for name in providers.get(module, [])} & set(locked("base"))
    }

    assert missing == set()


def test_tests_run_what_production_runs():
    assert {**locked("dev"), **locked("base")} == locked("dev")
    assert locked("production") == locked("base")


def test_every_package_has_a_word_about_its_purpose():
    for name in ("base", "dev", "production"):
        text = (BASE_DIR / "requirements" / f"{name}.in").read_text(encoding="utf-8")
        bare = [line for line in text.splitlines() if "==" in line and " # " not in line]
        assert bare == []
