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
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

from config.embedded.place import BASE_DIR, locate
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey
from tests.ports import free_port

PASSWORD = "tests"
_SCHEMA_SOURCES = (
    "*/migrations/*.py",
    "config/*/migrations/*.py",
    "config/djstripe_migrations/*.py",
)
_SLOTS = 16
_TABLES = """
SELECT relname, pg_relation_size(oid) > 0 FROM pg_class
WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"""
_SHAPE = """
SELECT concat_ws(',',
  (SELECT sum(hashtext(relname)::bigint + relnatts) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
  (SELECT sum(hashtext(concat(tgname, tgenabled, tgrelid))) FROM pg_trigger),
  (SELECT sum(hashtext(concat(conname, conrelid))) FROM pg_constraint),
  (SELECT sum(hashtext(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace))"""
_SUM = "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} AS t"
_CUT_OFF = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""
# Such as the partition of a month.
_DROP_ADDED = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT relname FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND relname <> ALL (ARRAY{known})
  LOOP EXECUTE format('DROP TABLE IF EXISTS %I CASCADE', name); END LOOP;
END $$"""
# Neither triggers nor foreign keys have a say; a table of no size never had a row.
_EMPTY = """
DO $$ DECLARE name text; BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT oid::regclass FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
      AND relname <> ALL (ARRAY{filled})
  LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
END $$"""


@dataclass(frozen=True)
class Databases:
    """Where this process's database comes from and what it is called."""

    server_url: str
    template: str
    name: str

    def clone(self) -> None:
        """Put a fresh copy of the template in the database's place; whoever is connected to the old one is cut off."""
        with self._connect() as server:
            server.execute(_statement("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name))
            server.execute(_statement("CREATE DATABASE {} TEMPLATE {}", self.name, self.template))
        _ = self._original

    def empty(self) -> None:
        """Delete what was committed since the copy was made: much sooner done than another copy of a thousand files.

        Whoever is connected is cut off. Another copy is made all the same where more was changed than rows of tables
        that are empty in the template, or where we may not look past the triggers.
        """
        if not self._has_been_emptied():
            self.clone()

    def _has_been_emptied(self) -> bool:
        try:
            with psycopg.connect(self._own_url, autocommit=True) as ours:
                ours.execute(_CUT_OFF)
                ours.execute(_DROP_ADDED.format(known=list(self._tables)))
                if self._state(ours) != self._original:
                    return False
                ours.execute(_EMPTY.format(filled=self._filled))
        except psycopg.Error:
            return False
        return True

    @property
    def _own_url(self) -> str:
        return _with_database(self.server_url, self.name)

    @cached_property
    def _tables(self) -> dict[str, object]:
        """The tables of the template, and whether each has rows there."""
        with psycopg.connect(self._own_url, autocommit=True) as ours:
            return {str(name): has_rows for name, has_rows in ours.execute(_TABLES)}

    @property
    def _filled(self) -> list[str]:
        return [name for name, has_rows in self._tables.items() if has_rows]

    @cached_property
    def _original(self) -> list[tuple[object, ...]]:
        with psycopg.connect(self._own_url, autocommit=True) as ours:
            return self._state(ours)

    def _state(self, ours: "psycopg.Connection[tuple[object, ...]]") -> list[tuple[object, ...]]:
        """Return what must be as in the template: tables, triggers, functions, and its rows."""
        sums = (_statement(_SUM, name) for name in self._filled)
        return ours.execute(sql.SQL(" UNION ALL ").join([sql.SQL(_SHAPE), *sums])).fetchall()

    def drop(self) -> None:
        """Remove the database."""
        with self._connect() as server:
            server.execute(_statement("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name))

    def require_template(self) -> None:
        """Build the template unless it stands; concurrent sessions wait for the one that builds."""
        with self._connect() as server:
            server.execute("SELECT pg_advisory_lock(hashtext('tollgate test template'))")
            names = [row[0] for row in server.execute("SELECT datname FROM pg_database")]
            if self.template in names:
                return
            # On a server of somebody else's another version's session may still need its template.
            ours = names if os.environ.get("TEST_DATABASE_IS_OURS") else []
            for outdated in (name for name in ours if str(name).startswith("template_tollgate_")):
                server.execute(_statement("DROP DATABASE {} WITH (FORCE)", str(outdated)))
            draft = f"{self.template}_draft"
            server.execute(_statement("CREATE DATABASE {}", draft))
            _migrate(_with_database(self.server_url, draft))
            server.execute(_statement("ALTER DATABASE {} RENAME TO {}", draft, self.template))

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.server_url, autocommit=True)


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
    os.environ["DATABASE_URL"] = _with_database(databases.server_url, databases.name)
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
                server.execute(_statement("DROP DATABASE {} WITH (FORCE)", str(name)))


def _schema_hash() -> str:
    digest = hashlib.sha256((BASE_DIR / "requirements" / "base.txt").read_bytes())
    digest.update((BASE_DIR / "config" / "settings" / "base.py").read_bytes())
    for path in sorted(path for pattern in _SCHEMA_SOURCES for path in BASE_DIR.glob(pattern)):
        digest.update(str(path.relative_to(BASE_DIR)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _migrate(database_url: str) -> None:
    migration = subprocess.run(
        [sys.executable, str(BASE_DIR / "manage.py"), "migrate", "--verbosity", "0"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DATABASE_URL": database_url,
            "REDIS_URL": os.environ["TEST_REDIS_SERVER"],
        },
        capture_output=True,
        text=True,
    )
    if migration.returncode != 0:
        sys.exit(f"the migrations fail:\n{migration.stdout}{migration.stderr}")


def _redis_share(worker: str) -> tuple[str, str]:
    """Return this worker's URL and prefix. Pub/sub channels know no database numbers, hence the prefix."""
    server = os.environ["TEST_REDIS_SERVER"]
    if not os.environ.get("TEST_REDIS_IS_OURS"):
        return server, f"tg{os.environ['TEST_SESSION']}{worker}:"
    number = 0 if worker == "main" else int(worker.removeprefix("gw")) + 1
    return urlsplit(server)._replace(path=f"/{number}").geturl(), f"tg{worker}:"


def _with_database(server_url: str, name: str) -> str:
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


def _statement(text: str, *names: str) -> sql.Composed:
    return sql.SQL(text).format(*map(sql.Identifier, names))


def _batches(keys: "Iterator[bytes]", size: int = 500) -> "Iterator[list[bytes]]":
    batch: list[bytes] = []
    for key in keys:
        batch.append(key)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
