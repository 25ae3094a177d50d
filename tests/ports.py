"""Ports for programs that tests start: nobody else is given one, from the moment of choosing until the session ends."""

import contextlib
import fcntl
import os
import socket
import tempfile
from pathlib import Path
from random import SystemRandom
from typing import IO

# Below the range from which the kernel takes the ports of clients, on Linux (32768) and on macOS (49152).
_FIRST, _LAST = 20_000, 32_000
_NOTES = Path(tempfile.gettempdir()) / f"tollgate-test-ports-{os.geteuid()}"
_held: list[IO[bytes]] = []


def free_port() -> int:
    """Return a port of the loopback that is this process's alone, though it may listen there only later."""
    _NOTES.mkdir(exist_ok=True, mode=0o700)
    while True:
        port = SystemRandom().randint(_FIRST, _LAST)
        note = (_NOTES / str(port)).open("ab")
        with contextlib.suppress(OSError), socket.socket() as probe:
            # The lock ends with this process, however it ends; programs that it starts do not inherit it.
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            _held.append(note)
            return port
        note.close()
