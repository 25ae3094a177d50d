"""`manage.py up` as a newcomer meets it: ready in time, a first call that works as printed, an end without leftovers."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from config.embedded.place import BASE_DIR, locate
from config.embedded.servers import command_of
from tests.databases import statement, with_database
from tests.doubles.stack import answers
from tests.patience import until
from tests.ports import free_port
from tests.servers import forget_redis_keys

# The goals of a start, in seconds of work: what a busy machine lets us wait for is not ours. On a slow one they are
# longer by as much as a piece of work that takes a tenth of a second elsewhere.
COLD_SECONDS = 20
WARM_SECONDS = 10
_PIECE_SECONDS = 0.1
PATIENCE_SECONDS = 150


@dataclass
class Up:
    """One installation of its own, started and stopped like a user does."""

    local: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self, **environment: str) -> None:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TEST_", "REDIS_", "DATABASE_", "DJANGO_", "PYTEST_"))
        }
        given = {"LOCAL_DIR": str(self.local), "PORT": str(self.port), **environment}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=BASE_DIR,
                env={**inherited, **given},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    @property
    def log(self) -> Path:
        return self.local.with_suffix(".log")

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until_ready(self) -> int:
        """Return after how many seconds of work it said that it is ready."""
        self.wait_for(r"ready after [\d.]+ s[^$]*curl -i .*\n", PATIENCE_SECONDS)
        assert self.process
        numbers = ",".join(str(number) for number in [self.process.pid, *self.descendants()])
        shown = subprocess.run(["ps", "-o", "time=", "-p", numbers], capture_output=True, text=True)
        return sum(seconds_of(line) for line in shown.stdout.split())

    def wait_for(self, pattern: str, seconds: float) -> None:
        assert self.process
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.output()):
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.1)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=120)

    def descendants(self) -> dict[int, str]:
        """Return the programs that run below it, by number."""
        shown = subprocess.run(
            ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
        )
        pairs = [line.split() for line in shown.stdout.splitlines()]
        parents = {int(child): int(parent) for child, parent in pairs}
        assert self.process
        found = {self.process.pid}
        for _ in range(4):
            found |= {child for child, parent in parents.items() if parent in found}
        return {child: command_of(child) for child in found - {self.process.pid}}

    def printed_call(self) -> list[str]:
        """Return the words of the curl command in the block at the end of the start."""
        line = next(line for line in self.output().splitlines() if "curl -i" in line)
        return shlex.split(line)


@pytest.fixture
def up() -> Iterator[Up]:
    home = Path(f"/var/tmp/tollgate-up-{os.getpid()}-{free_port()}")  # noqa: S108
    running = Up(home)
    yield running
    if running.process and running.process.poll() is None:
        running.end(signal.SIGKILL)
    for left in (home, locate(str(home)).sockets, locate(str(home)).data):
        shutil.rmtree(left, ignore_errors=True)
    running.log.unlink(missing_ok=True)


def seconds_of(shown):
    """Return the seconds of `[days-]hours:minutes:seconds`."""
    *_, hours, minutes, seconds = ("0:0:" + shown.replace("-", ":")).split(":")
    return int(float(seconds)) + 60 * int(minutes) + 3600 * int(hours)


def slowness():
    """Return how many times as long as elsewhere work takes on this machine, at the moment."""

    def took():
        began = time.process_time()
        sum(number * number for number in range(2_000_000))
        return time.process_time() - began

    return max(1.0, *(took() / _PIECE_SECONDS for _ in range(5)))


def status_of(words):
    answer = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(answer.stdout.split(" ", 2)[1])


def still_running(programs):
    return {number: name for number, name in programs.items() if command_of(number) == name != ""}


def gone_within(programs, seconds):
    deadline = time.monotonic() + seconds
    while still_running(programs) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not still_running(programs)


def ask(up, path, token="", **body):
    """Return the answer of the API, as JSON."""
    asked = urllib.request.Request(
        f"http://localhost:{up.port}{path}",
        data=json.dumps(body).encode() if body else None,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    if not token:
        asked.remove_header("Authorization")
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


def calls_seen(up):
    """Return how many calls the owner sees in the last day."""
    password = re.findall(r"Password +(\S+)", up.output())[0]
    signed_in = ask(up, "/api/v1/auth/login", email="owner@demo.test", password=password)
    answer = ask(up, "/api/v1/analytics/usage?measures=calls&granularity=day", signed_in["access"])
    return answer["totals"]["calls"]


@pytest.mark.trial
@pytest.mark.timeout(600)
def test_newcomers_first_minutes(up):
    up.start()
    assert up.wait_until_ready() <= COLD_SECONDS * slowness()
    told, _, _ = up.output().partition("ready after")
    assert all(line.startswith("up       | ") for line in told.splitlines()[:-1] if line), told
    before = calls_seen(up)

    statuses = [status_of(up.printed_call()) for _ in range(8)]

    assert statuses[0] == 200
    assert 429 in statuses
    assert set(statuses) == {200, 429}
    until(lambda: calls_seen(up) >= before + len(statuses), every=0.5)
    assert calls_seen(up) == before + len(statuses)

    programs = up.descendants()
    assert len(programs) > 5
    assert up.end(signal.SIGTERM) == 0
    assert up.output().rstrip().endswith("up       | stopped")
    assert gone_within(programs, 60)

    up.start()
    assert up.wait_until_ready() <= WARM_SECONDS * slowness()
    assert "demo data" not in up.output()
    assert calls_seen(up) == before + len(statuses)

    programs = up.descendants()
    up.end(signal.SIGKILL)
    if sys.platform == "linux":
        assert gone_within(programs, 60)

    up.start()
    up.wait_until_ready()
    worker = next(number for number, name in up.descendants().items() if "config worker" in name)
    os.kill(worker, signal.SIGKILL)
    up.wait_for(r"worker +\| ended with -9; starts again in \d+ s", PATIENCE_SECONDS)
    assert up.end(signal.SIGINT) == 0


@pytest.fixture
def given():
    """A database of its own and a Redis, on the servers of the tests."""
    name = f"tollgate_given_{os.getpid()}"
    server = os.environ["TEST_DATABASE_SERVER"]
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(statement("CREATE DATABASE {}", name))
        yield {
            "DATABASE_URL": with_database(server, name),
            "REDIS_URL": os.environ["REDIS_URL"],
            "REDIS_PREFIX": f"{name}:",
        }
        admin.execute(statement("DROP DATABASE {} WITH (FORCE)", name))


@pytest.mark.trial
@pytest.mark.timeout(600)
def test_given_servers_take_the_place_of_private_ones(up, given, redis_client):
    up.start(**given)
    up.wait_until_ready()

    assert status_of(up.printed_call()) == 200
    until(lambda: calls_seen(up) > 0, every=0.5)
    programs = up.descendants()
    assert not [name for name in programs.values() if "postgres" in name or "valkey" in name]
    assert not (up.local / "data").exists()
    with psycopg.connect(given["DATABASE_URL"]) as database:
        assert database.execute("SELECT count(*) FROM apikeys_apikey").fetchone()[0] > 0
    assert list(redis_client.scan_iter(f"{given['REDIS_PREFIX']}*"))

    assert up.end(signal.SIGTERM) == 0
    assert gone_within(programs, 60)
    forget_redis_keys(redis_client, given["REDIS_PREFIX"])


def test_unreachable_redis_is_one_line(up, given):
    up.start(**{**given, "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"})
    assert up.process

    assert up.process.wait(timeout=60) == 1
    assert up.output().startswith("tollgate: Redis cannot be used: ")
    assert up.output().count("\n") == 1


def test_taken_port_is_one_line(up):
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(up.port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as other:
        until(lambda: answers(up.port, "/"))
        up.start()
        assert up.process
        assert up.process.wait(timeout=60) == 1
        other.kill()

    assert up.output() == (
        f"tollgate: port {up.port} on 127.0.0.1 cannot be used (Address already in use); "
        f"stop the other program or choose another: PORT={up.port + 1} make run\n"
    )


def test_unreachable_database_is_one_line(up):
    up.start(DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/x")
    assert up.process

    assert up.process.wait(timeout=60) == 1
    assert up.output().startswith("tollgate: the database refuses: ")
    assert up.output().count("\n") == 1


def test_misspelt_setting_is_one_line(up):
    up.start(REDIS_ULR="redis://127.0.0.1:6379/0")
    assert up.process

    assert up.process.wait(timeout=60) == 1
    assert up.output() == "tollgate: REDIS_ULR looks like REDIS_URL misspelt\n"
