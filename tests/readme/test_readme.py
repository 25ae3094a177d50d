"""README.md is true: its shell blocks run on a fresh clone, and the first call answers what the page shows."""

import os
import re
import signal
import subprocess
import time

import pytest

from tests.architecture.source import ROOT
from tests.patience import Machine
from tests.ports import free_port

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INSTALL_SECONDS = 420


def _blocks():
    return [(language, text.strip()) for language, text in BLOCK.findall(README)]


def test_is_short_enough_to_be_read():
    assert len(README.splitlines()) <= 250


def test_shows_the_two_commands_first():
    commands = [text for language, text in _blocks() if language == "sh"]

    assert commands[:2] == ["make run", "make test"]


def test_no_other_block_is_for_a_shell():
    """Another one would need a test that runs it."""
    commands = [text for language, text in _blocks() if language == "sh"]

    assert [text.split()[0] for text in commands] == ["make", "make", "curl"]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """Clone what is committed, as a newcomer would."""
    target = tmp_path_factory.mktemp("clone") / "tollgate"
    subprocess.run(["git", "clone", "--quiet", ROOT, target], check=True, timeout=60)
    return target


@pytest.fixture(scope="module")
def environment():
    ours = {
        "DATABASE_URL",
        "REDIS_URL",
        "REDIS_PREFIX",
        "DJANGO_SETTINGS_MODULE",
        "VIRTUAL_ENV",
        "CI",
    }
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(("TEST_", "PYTEST_", "MAKE"))
    }
    return {**kept, "PORT": str(free_port())}


@pytest.fixture(scope="module")
def greeting(clone, environment):
    """Run the first block until it greets."""
    with (clone.parent / "run.log").open("w+", encoding="utf-8") as log:
        run = subprocess.Popen(
            ["sh", "-ec", _blocks()[0][1]],
            cwd=clone,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + _INSTALL_SECONDS
        heard = ""
        while "Ctrl-C" not in heard and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
            log.seek(0)
            heard = log.read()
        yield heard
        os.killpg(run.pid, signal.SIGINT)
        run.wait(timeout=120)


@pytest.mark.trial
@pytest.mark.timeout(600)
def test_first_call_answers_what_the_page_shows(clone, environment, greeting):
    (key,) = set(re.findall(r"Bearer (tg_test_\w+)", greeting))
    call = next(text for language, text in _blocks() if text.startswith("curl"))
    call = call.replace("localhost:8000", f"localhost:{environment['PORT']}")
    shown = [
        text for language, text in _blocks() if language == "text" and text.startswith("HTTP/")
    ]

    def answer():
        return subprocess.run(
            ["sh", "-ec", call],
            cwd=clone,
            env={**environment, "DEMO_KEY": key},
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout

    with Machine() as machine:
        passed, _, _, refused = [answer() for _ in range(4)]
    while machine.stood_still > 0.5 and " 200 " in refused.split("\n")[0]:
        # There was time for another call meanwhile.
        refused = answer()

    assert [text.split("\n")[0].strip() for text in (passed, refused)] == [
        text.split("\n")[0].strip() for text in shown[:2]
    ]
    for seen, expected in ((passed, shown[0]), (refused, shown[1])):
        names = {line.split(":")[0].lower() for line in expected.splitlines()[1:] if ":" in line}
        headers = {line.split(":")[0].lower() for line in seen.splitlines() if ":" in line}
        assert names <= headers


@pytest.mark.trial
@pytest.mark.timeout(600)
def test_make_test_runs(clone, environment):
    """The second block, on one small file: the whole suite is what runs this very test."""
    result = subprocess.run(
        ["sh", "-ec", _blocks()[1][1]],
        cwd=clone,
        env={**environment, "ARGS": "tests/common/test_money.py"},
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert " passed" in result.stdout
