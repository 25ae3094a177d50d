"""Real PostgreSQL and Valkey for the tests: one pair per session, one template database, a clone per worker.

`DATABASE_URL` and `REDIS_URL` replace the private servers. The template is keyed by a hash of the migrations and is
kept between runs. A session holds its servers' directory by a lock that the kernel drops with the process, so that
several sessions run side by side and a killed one leaves nothing to clean up by hand.
"""

import atexit
import contextlib
import fcntl
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import redis

from config.embedded.place import BASE_DIR, locate
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey
from tests.databases import Databases, statement, with_database
from tests.ports import free_port

PASSWORD = "tests"
_SCHEMA_SOURCES = (
    "*/migrations/*.py",
    "config/*/migrations/*.py",
    "config/djstripe_migrations/*.py",
)
_SLOTS = 16


def provide() -> Databases:
    """Start or find the servers and point this process's settings at its own share of them."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    if worker == "main":
        os.environ.setdefault("TEST_DATABASE_SERVER", os.environ.get("DATABASE_URL", ""))
        os.environ.setdefault("TEST_REDIS_SERVER", os.environ.get("REDIS_URL", ""))
        os.environ["TEST_SESSION"] = str(os.getpid())
        _start_missing()
    databases = Databases(
        server_url=os.environ["TEST_DATABASE_SERVER"],
        template=f"template_tollgate_{_schema_hash()}",
        name=f"tollgate_{os.environ['TEST_SESSION']}_{worker}",
    )
    if worker == "main":
        databases.require_template()
    os.environ["DATABASE_URL"] = with_database(databases.server_url, databases.name)
    os.environ["REDIS_URL"], os.environ["REDIS_PREFIX"] = _redis_share(worker)
    return databases


def forget_redis_keys(client: redis.Redis, prefix: str) -> None:
    """Delete what a test left under this worker's prefix."""
    for keys in _batches(client.scan_iter(match=f"{prefix}*", count=1000)):
        client.delete(*keys)


@contextlib.contextmanager
def own_valkey(directory: Path) -> Iterator[Valkey]:
    """Run a Valkey of the test's own, to be killed, emptied or filled with old data."""
    server = Valkey(
        data=directory / "valkey",
        sockets=locate(os.environ.get("LOCAL_DIR", "")).sockets.with_name(
            f"tollgate-test-{os.getpid()}-{free_port()}"
        ),
        log=directory / "valkey.log",
        password=PASSWORD,
        port=free_port(),
    )
    server.start()
    try:
        server.wait()
        yield server
    finally:
        server.stop()
        with contextlib.suppress(OSError):
            server.sockets.rmdir()


def _start_missing() -> None:
    if os.environ["TEST_DATABASE_SERVER"] and os.environ["TEST_REDIS_SERVER"]:
        return
    home = _take_slot()
    sockets = Path(f"{locate(os.environ.get('LOCAL_DIR', '')).sockets}-{home.name}")
    if not os.environ["TEST_REDIS_SERVER"]:
        valkey = Valkey(
            home / "valkey", sockets, home / "valkey.log", PASSWORD, free_port(), durable=False
        )
        _start(valkey)
        os.environ["TEST_REDIS_SERVER"] = f"redis://:{PASSWORD}@127.0.0.1:{valkey.port}/0"
        os.environ["TEST_REDIS_IS_OURS"] = "yes"
    if not os.environ["TEST_DATABASE_SERVER"]:
        postgres = Postgres(
            home / "postgres", sockets, home / "postgres.log", PASSWORD, free_port(), durable=False
        )
        _start(postgres)
        _drop_leftovers(postgres)
        os.environ["TEST_DATABASE_IS_OURS"] = "yes"
        os.environ["TEST_DATABASE_SERVER"] = (
            f"postgresql://tollgate:{PASSWORD}@127.0.0.1:{postgres.port}/postgres"
        )


def _start(server: Postgres | Valkey) -> None:
    server.start()
    atexit.register(_stop_if_mine, server, os.getpid())
    server.wait()


def _stop_if_mine(server: Postgres | Valkey, process_id: int) -> None:
    if os.getpid() == process_id:
        server.stop()
        with contextlib.suppress(OSError):
            server.sockets.rmdir()


def _take_slot() -> Path:
    """Take the first directory of servers that no other session holds; it is ours until this process ends."""
    for number in range(_SLOTS):
        home = locate(os.environ.get("LOCAL_DIR", "")).data / "tests" / f"slot-{number}"
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "lock").open("a", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        atexit.register(lock.close)
        return home
    sys.exit(f"{_SLOTS} test sessions already run here")


def _drop_leftovers(postgres: Postgres) -> None:
    """Drop the clones of a session that was killed; the slot is ours, so nobody uses them."""
    with postgres.connect() as server:
        for (name,) in server.execute("SELECT datname FROM pg_database").fetchall():
            if str(name).startswith("tollgate_") or str(name).endswith("_draft"):
                server.execute(statement("DROP DATABASE {} WITH (FORCE)", str(name)))


def _schema_hash() -> str:
    digest = hashlib.sha256((BASE_DIR / "requirements" / "base.txt").read_bytes())
    digest.update((BASE_DIR / "config" / "settings" / "base.py").read_bytes())
    for path in sorted(path for pattern in _SCHEMA_SOURCES for path in BASE_DIR.glob(pattern)):
        digest.update(str(path.relative_to(BASE_DIR)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _redis_share(worker: str) -> tuple[str, str]:
    """Return this worker's URL and prefix. Pub/sub channels know no database numbers, hence the prefix."""
    server = os.environ["TEST_REDIS_SERVER"]
    if not os.environ.get("TEST_REDIS_IS_OURS"):
        return server, f"tg{os.environ['TEST_SESSION']}{worker}:"
    number = 0 if worker == "main" else int(worker.removeprefix("gw")) + 1
    return urlsplit(server)._replace(path=f"/{number}").geturl(), f"tg{worker}:"


def _batches(keys: "Iterator[bytes]", size: int = 500) -> "Iterator[list[bytes]]":
    batch: list[bytes] = []
    for key in keys:
        batch.append(key)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
