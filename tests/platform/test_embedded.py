"""The private servers and the place they live in: secrets, leftovers of a crash, and errors of one line."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import redis

from config.embedded import servers
from config.embedded.place import BASE_DIR, Place, locate, may_enter
from config.embedded.postgres import Postgres
from config.embedded.run import only_one, require_port
from config.embedded.servers import EmbeddedError, require_space
from config.embedded.valkey import Valkey
from tests.ports import free_port


@pytest.fixture
def directory():
    """A directory that the servers' user may enter and whose sockets have short names."""
    made = Path(f"/var/tmp/tollgate-test-{os.getpid()}-{free_port()}")  # noqa: S108
    made.mkdir(mode=0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def place(directory):
    return Place(local=directory, data=directory / "data", sockets=directory / "s")


@pytest.fixture
def postgres(directory):
    server = Postgres(
        directory / "pg", directory / "s", directory / "pg.log", "secret", durable=False
    )
    yield server
    server.stop()


@pytest.fixture
def valkey(directory):
    server = Valkey(directory / "vk", directory / "s", directory / "vk.log", "secret")
    yield server
    server.stop()


def started(server):
    server.start()
    server.wait()
    return server


def answers(postgres):
    with postgres.connect() as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_secrets_are_made_once_and_private(place):
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: place.secrets(), range(8)))

    assert all(secrets == made[0] for secrets in made)
    assert all(made[0].values())
    assert place.secrets_file.stat().st_mode & 0o777 == 0o600
    found = {path.name: path.stat().st_mode & 0o777 for path in place.local.iterdir()}
    private = dict.fromkeys(("log", "mail", "media", "exports"), 0o700)
    assert found == {"secrets.env": 0o600, **private}


def test_kept_values_replace_older_ones(place):
    place.remember("demo.env", {"KEY": "one"})
    place.remember("demo.env", {"KEY": "two=2"})

    assert place.recall("demo.env") == {"KEY": "two=2"}
    assert place.recall("absent.env") == {}


def test_places_of_two_directories_share_nothing(tmp_path):
    one, two = locate(str(tmp_path / "one")), locate(str(tmp_path / "two"))

    assert one.local == tmp_path / "one"
    assert len({one.data, two.data, one.sockets, two.sockets}) == 4


def test_closed_directory_is_noticed(directory):
    (directory / "closed" / "inner").mkdir(parents=True)
    (directory / "closed").chmod(0o700)

    assert may_enter(directory, "nobody")
    assert not may_enter(directory / "closed" / "inner", "nobody")


def test_servers_of_a_closed_directory_are_copied_with_their_libraries(directory, monkeypatch):
    for name in ("closed_package", "closed_package.libs"):
        (directory / "closed" / name).mkdir(parents=True)
        (directory / "closed" / name / "__init__.py").write_text("raise ImportError")
    (directory / "closed").chmod(0o700)
    monkeypatch.syspath_prepend(directory / "closed")
    owner = servers.Owner(uid=os.getuid() + 1, gid=65534, name="nobody")

    usable = servers.package_folder("closed_package", owner, directory)

    assert directory in usable.parents
    assert directory / "closed" not in usable.parents
    assert (usable / "__init__.py").exists()
    assert (usable.parent / "closed_package.libs" / "__init__.py").exists()
    assert servers.package_folder("closed_package", owner, directory) == usable


def test_missing_package_is_named(directory):
    with pytest.raises(EmbeddedError, match="the package no_such_package is missing"):
        servers.package_folder("no_such_package", servers.Owner.current(), directory)


def test_database_survives_a_restart(postgres):
    started(postgres)
    assert postgres.require_database("kept") is True
    postgres.stop()

    started(postgres)

    assert postgres.require_database("kept") is False


def test_database_starts_after_a_kill(postgres):
    started(postgres)
    os.kill(postgres.server.process.pid, signal.SIGKILL)
    postgres.server.process.wait()
    assert (postgres.data / "postmaster.pid").exists()

    started(postgres)

    assert answers(postgres)


def test_note_with_somebody_elses_number_is_dropped(postgres):
    started(postgres)
    postgres.stop()
    note = postgres.data / "postmaster.pid"
    note.write_text(f"{os.getpid()}\n{postgres.data}\n")

    started(postgres)

    assert answers(postgres)


def test_orphaned_database_is_stopped_first(postgres, directory):
    started(postgres)
    orphan = postgres.server.process
    successor = Postgres(
        directory / "pg", directory / "s", directory / "pg.log", "secret", durable=False
    )

    started(successor)

    assert orphan.wait(timeout=60) == 0
    assert answers(successor)
    successor.stop()


def test_database_asks_for_its_password(postgres):
    started(postgres)
    postgres.password = "wrong"

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        postgres.connect()


def test_database_says_why_it_does_not_start(directory):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = Postgres(
            directory / "pg", directory / "s", directory / "pg.log", "x", taken.getsockname()[1]
        )
        server.start()
        with pytest.raises(EmbeddedError) as stopped:
            server.wait()

    assert "PostgreSQL did not start" in str(stopped.value)
    assert "\n" not in str(stopped.value)


def test_valkey_keeps_what_it_was_told(valkey):
    client = redis.Redis(unix_socket_path=str(started(valkey).socket_path), password="secret")
    client.set("kept", "yes")
    valkey.stop()

    started(valkey)

    assert client.get("kept") == b"yes"
    client.close()


def test_orphaned_valkey_is_stopped_first(valkey, directory):
    orphan = started(valkey).server.process
    successor = Valkey(directory / "vk", directory / "s", directory / "vk.log", "secret")

    started(successor)

    assert orphan.wait(timeout=60) == 0
    successor.stop()


def test_valkey_refuses_strangers(valkey):
    client = redis.Redis(unix_socket_path=str(started(valkey).socket_path))

    with pytest.raises(redis.AuthenticationError):
        client.ping()
    client.close()


def test_somebody_elses_directory_is_refused(directory):
    owner = servers.Owner(uid=os.getuid() + 4321, gid=1, name="somebody")
    (directory / "real").mkdir()
    (directory / "link").symlink_to(directory / "real")
    if os.getuid() == 0:
        owner = servers.Owner.current()

    with pytest.raises(EmbeddedError, match="belongs to somebody else"):
        owner.directory(directory / "link")


def test_full_disk_is_named_before_anything_starts(directory, monkeypatch):
    usage = shutil.disk_usage(directory)._replace(free=5 * 1024 * 1024)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)

    with pytest.raises(EmbeddedError, match="is full: 5 MB are free and 300 MB are needed"):
        require_space(directory / "pg")


def test_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedError) as refused:
            require_port("127.0.0.1", port)

    assert str(refused.value) == (
        f"port {port} on 127.0.0.1 cannot be used (Address already in use); "
        f"stop the other program or choose another: PORT={port + 1} make run"
    )


def test_second_run_in_one_place_is_refused(place):
    with only_one(place), pytest.raises(EmbeddedError) as refused, only_one(place):
        raise AssertionError

    assert str(refused.value) == (
        f"Tollgate already runs here as process {os.getpid()}; "
        "stop it, or set LOCAL_DIR and PORT for a second one"
    )


def test_lock_of_a_killed_run_is_not_stale(place):
    code = (
        "import sys, time; from pathlib import Path; import django; django.setup()\n"
        "from config.embedded.place import Place; from config.embedded.run import only_one\n"
        f"path = Path({str(place.local)!r})\n"
        "with only_one(Place(path, path, path)):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], cwd=BASE_DIR, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        holder.kill()

    with only_one(place):
        pass
