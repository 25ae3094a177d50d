"""Bootstrap of every test session: servers first, then Django, then the people of `tests.people`."""

import gc
import os
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from tests import servers
from tests.patience import within_one

# Most of what tests make is garbage without cycles: looking for cycles as often as usual is a tenth of all work.
gc.set_threshold(100_000, 20, 20)

# Django reads its settings once: the servers must be known by then.
DATABASES = servers.provide()
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"

import django  # noqa: E402

with warnings.catch_warnings():
    # dj-stripe's admin forms have URL fields without a default scheme.
    warnings.filterwarnings("ignore", message="The default scheme will be changed")
    django.setup()

import hypothesis  # noqa: E402
import redis  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.auth.hashers import Argon2PasswordHasher  # noqa: E402
from django.db import connections  # noqa: E402
from django.test import TransactionTestCase  # noqa: E402
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # noqa: E402

from tests.doubles import patient  # noqa: E402


def _remembering(
    verify: Callable[[Argon2PasswordHasher, str, str], bool],
) -> Callable[[Argon2PasswordHasher, str, str], bool]:
    verdicts: dict[tuple[str, str], bool] = {}

    def remembered(hasher: Argon2PasswordHasher, password: str, encoded: str) -> bool:
        if (password, encoded) not in verdicts:
            verdicts[password, encoded] = verify(hasher, password, encoded)
        return verdicts[password, encoded]

    return remembered


# Everybody here has one password and one hash of it: comparing them, slow on purpose, gives the same hundreds of times.
# What the product adds to Django's hasher, such as its slots, is around this.
setattr(Argon2PasswordHasher, "verify", _remembering(Argon2PasswordHasher.verify))  # noqa: B010

# A machine that stands still for seconds would turn answers into 503s here.
patient.with_redis(settings)
patient.with_postgres(settings)

# A machine that stands still says nothing of an example.
hypothesis.settings.register_profile(
    "tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tests")

pytest_plugins = [name for name in ("tests.people",) if find_spec(name)]
_MUST_RUN_ALL = os.environ.get("CI", "").lower() in {"1", "true"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Let the workers, which inherit this environment, learn their own servers before their settings."""
    os.environ.pop("DJANGO_SETTINGS_MODULE")


class ByModule(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types for it
    """Keeps the tests of a module on one worker, and all that need the running site, so that programs start once.

    Where each test takes minutes, each goes to whoever is free.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/contract/test_schemathesis.py"):
            return nodeid
        if nodeid.startswith("tests/browser/"):
            return "tests/browser"
        return nodeid.split("::", maxsplit=1)[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule:
    """Share the tests out by module."""
    return ByModule(config, log)


# What takes longest goes first, so that no worker is left with it in the end: minutes, then programs of their own.
_MINUTES = tuple(
    f"tests/{module}.py"
    for module in (
        "contract/test_schemathesis",
        *("trials/test_enumeration", "trials/test_webhook_kills", "trials/test_outages"),
        *("readme/test_readme", "platform/test_up", "trials/test_revocation"),
    )
)
_MANY = 60
_PROGRAMS = tuple(
    f"tests/{folder}/"
    for folder in ("browser", "canary", "contract", "trials", "gate", "proxy", "platform", "readme")
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long ones first, modules of many tests among them; the order of the shuffle stays, but for that."""
    sizes = Counter(item.path for item in items)
    items.sort(
        key=lambda item: (
            not item.nodeid.startswith(_MINUTES),
            not item.nodeid.startswith(_PROGRAMS),
            sizes[item.path] < _MANY,
        )
    )


def pytest_collection_finish() -> None:
    """Look no more through what stays until the end: modules and tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None) -> Iterator[None]:
    """Give this worker its clone of the template."""
    DATABASES.clone()
    yield
    connections.close_all()
    DATABASES.drop()


def _empty_again(_case: TransactionTestCase) -> None:
    # Truncating would also lose what migrations put there, and append-only tables refuse it.
    connections.close_all()
    DATABASES.empty()


setattr(TransactionTestCase, "_fixture_teardown", _empty_again)  # noqa: B010  (not in the stubs)


@pytest.fixture(scope="session")
def redis_client() -> "Iterator[redis.Redis]":
    """Return a client of this worker's share of Valkey."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    yield client
    servers.forget_redis_keys(client, settings.REDIS_PREFIX)
    client.close()


@pytest.fixture(scope="module", autouse=True)
def _forgotten_redis_of_module(redis_client: redis.Redis) -> None:
    """Start what a module shares without what the last test of another one left."""
    servers.forget_redis_keys(redis_client, settings.REDIS_PREFIX)


@pytest.fixture(autouse=True)
def _forgotten_redis(redis_client: redis.Redis) -> None:
    """Start every test without counters, caches and streams."""
    servers.forget_redis_keys(redis_client, settings.REDIS_PREFIX)


@pytest.fixture(autouse=True)
def _steady_hour() -> None:
    """Start no test in the last seconds of an hour: it might see two of them, or two days or months."""
    within_one("hour", seconds=10)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a skipped test as failed where everything must run."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Count a skipped module likewise."""
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if _MUST_RUN_ALL and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
