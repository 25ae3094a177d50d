"""The supervisor keeps children alive and leaves none behind."""

import os
import signal
import subprocess
import sys
import time

import pytest

from config.embedded.place import BASE_DIR
from config.embedded.supervisor import Child, Supervisor


@pytest.fixture
def shown():
    return []


@pytest.fixture
def supervisor(shown):
    running = Supervisor(lambda name, line: shown.append((name, line)))
    yield running
    running.stop()


def python(code, name="child"):
    return Child(name, [sys.executable, "-u", "-c", code], {})


def is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    status = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True
    )
    return not status.stdout.startswith("Z")


def until(supervisor, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        supervisor.attend(0.05)


def test_lines_are_shown_whole_under_the_childs_name(supervisor, shown):
    supervisor.add(
        python("import sys, time; print('on' + 'e'); sys.stderr.write('two\\n'); time.sleep(60)")
    )
    until(supervisor, lambda: len(shown) == 2)

    assert sorted(shown) == [("child", "one"), ("child", "two")]


def test_dead_child_starts_again_later_each_time(supervisor, shown):
    child = python("raise SystemExit(3)")
    supervisor.add(child)
    until(supervisor, lambda: len(shown) == 1)
    assert shown == [("child", "ended with 3; starts again in 2 s")]

    child.retry_at = time.monotonic()
    until(supervisor, lambda: len(shown) == 2)

    assert shown[1] == ("child", "ended with 3; starts again in 4 s")


def test_pause_is_short_again_after_a_healthy_life():
    child = python("")
    child.pause, child.started_at = 30.0, time.monotonic() - 31

    assert child.plan_restart() == 1.0


def test_pause_has_an_end():
    child = python("")
    child.pause, child.started_at = 30.0, time.monotonic()

    assert child.plan_restart() == 30.0


def test_stop_is_polite_first(supervisor, shown):
    supervisor.add(
        python(
            "import signal, sys, time\n"
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('goodbye')))\n"
            "print('here')\n"
            "time.sleep(60)"
        )
    )
    until(supervisor, lambda: len(shown) == 1)

    supervisor.stop()

    assert shown == [("child", "here"), ("child", "goodbye")]


def test_stop_ends_grandchildren_and_the_deaf(supervisor, shown, monkeypatch):
    monkeypatch.setattr("config.embedded.supervisor._STOP_SECONDS", 0.5)
    supervisor.add(
        python(
            "import signal, subprocess, sys, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)\n"
            "time.sleep(600)"
        )
    )
    until(supervisor, lambda: len(shown) == 1)
    grandchild = int(shown[0][1])

    supervisor.stop()

    assert shown[1:] == [("child", "does not stop; it is killed")]
    assert not supervisor.is_running("child")
    deadline = time.monotonic() + 60
    while is_alive(grandchild) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children on Linux only")
def test_children_end_with_a_killed_supervisor():
    code = (
        "import sys\n"
        "from config.embedded.supervisor import Child, Supervisor\n"
        "child = Child('c', [sys.executable, '-c', 'import time; time.sleep(60)'], {})\n"
        "running = Supervisor(print)\n"
        "running.add(child)\n"
        "print(child.process.pid, flush=True)\n"
        "running.attend(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=BASE_DIR, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.send_signal(signal.SIGKILL)

    deadline = time.monotonic() + 60
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(child)
