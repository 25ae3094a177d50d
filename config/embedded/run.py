"""The embedded run, step by step: servers, schema, demo data, programs, and the block that greets the newcomer."""

import contextlib
import fcntl
import gc
import http.client
import io
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from redis import RedisError

from config.common import redis
from config.demo import hooks
from config.embedded import programs
from config.embedded.place import Place
from config.embedded.postgres import Postgres
from config.embedded.servers import EmbeddedError, Installation
from config.embedded.supervisor import Supervisor
from config.embedded.valkey import Valkey, socket_fits

Show = Callable[[str, str], None]
_READY_SECONDS = 60


@dataclass
class EmbeddedRun:
    """Everything that `up` starts, in the order in which it depends on each other."""

    place: Place
    show: Show
    servers: list[Installation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.show)

    def start(self) -> None:
        """Start everything and return when the first page can be asked for."""
        require_port(settings.BIND_ADDRESS, settings.PORT)
        self._start_servers()
        self._prepare_data()
        self.supervisor.add(programs.web())
        self._wait_for_web()
        for child in (programs.worker(), programs.beat(), programs.outcomes(self.place)):
            self.supervisor.add(child)

    def watch(self) -> None:
        """Keep everything alive until somebody interrupts."""
        while True:
            self.supervisor.attend(1.0)
            for server in self.servers:
                if server.server.process is None or server.server.process.poll() is not None:
                    self.show(server.server.name.lower(), "ended; it starts again")
                    server.start()
                    server.wait()

    def stop(self) -> None:
        """Stop everything, those first who depend on the others."""
        self.supervisor.stop()
        for server in self.servers:
            server.stop()
        self.servers.clear()
        with contextlib.suppress(OSError):
            self.place.sockets.rmdir()

    def _start_servers(self) -> None:
        place, secrets = self.place, self.place.secrets()
        logs = place.local / "log"
        if settings.RUNS_OWN_DATABASE:
            password = secrets["DATABASE_PASSWORD"]
            self.servers.append(
                Postgres(place.data / "postgres", place.sockets, logs / "postgres.log", password)
            )
        if settings.RUNS_OWN_REDIS:
            password = secrets["REDIS_PASSWORD"]
            self.servers.append(
                Valkey(place.data / "valkey", place.sockets, logs / "valkey.log", password)
            )
        if self.servers and not socket_fits(place.sockets):
            raise EmbeddedError(f"{place.sockets} is too long for a socket's path; set LOCAL_DIR")
        for server in self.servers:
            server.start()
        for server in self.servers:
            server.wait()
            if isinstance(server, Postgres):
                server.require_database("tollgate")
        require_redis()

    def _prepare_data(self) -> None:
        executor = MigrationExecutor(connection)
        targets = executor.loader.graph.leaf_nodes()
        if executor.migration_plan(targets):
            self.show("up", "the database gets its tables")
            with _rarely_collecting():
                # dj-stripe's models hang on ours: once there, every later step renders all of them again.
                executor.migrate([target for target in targets if target[0] != "djstripe"])
                call_command("migrate", verbosity=0)
        call_command("sync_schedule", verbosity=0)
        if not get_user_model().objects.exists():
            self.show("up", "the demo data is made")
            told = io.StringIO()
            call_command("demo", stdout=told)
            self.show("up", told.getvalue().strip())
        hooks.follow_address()
        connections.close_all()

    def _wait_for_web(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not answers(settings.BIND_ADDRESS, settings.PORT):
            self.supervisor.attend(0.1)
            if not self.supervisor.is_running("web"):
                raise EmbeddedError("the web server does not start; its own words are above")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"the web server did not answer in {_READY_SECONDS} s")


@contextlib.contextmanager
def _rarely_collecting() -> Iterator[None]:
    """Migrating makes and drops thousands of classes; looking for their cycles as often as usual is a fifth of it."""
    usual = gc.get_threshold()
    gc.set_threshold(50_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@contextlib.contextmanager
def only_one(place: Place) -> Iterator[None]:
    """Hold the place against a second run. The kernel drops the lock with the process, so it is never stale."""
    place.prepare()
    with (place.local / "up.lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            lock.seek(0)
            raise EmbeddedError(
                f"Tollgate already runs here as process {lock.read().strip() or 'unknown'}; "
                "stop it, or set LOCAL_DIR and PORT for a second one"
            ) from held
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def require_port(address: str, port: int) -> None:
    """Refuse to start when another program listens where we want to."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise EmbeddedError(
                f"port {port} on {address} cannot be used ({error.strerror}); "
                f"stop the other program or choose another: PORT={port + 1} make run"
            ) from error


def require_redis() -> None:
    """Refuse to start without Redis, whose absence would be told by many lines of all programs."""
    try:
        redis.client().ping()
    except RedisError as error:
        raise EmbeddedError(f"Redis cannot be used: {str(error).splitlines()[0]}") from error


def answers(address: str, port: int) -> bool:
    """Tell whether the web server is there."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
    connected = http.client.HTTPConnection(target, port, timeout=2)
    try:
        connected.request("GET", "/healthz", headers={"Host": "localhost"})
        return connected.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connected.close()
