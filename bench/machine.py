"""One core for the server, one for everything else, and how much of its core a server used."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LOAD_CORE = 0
SERVER_CORE = min(1, (os.cpu_count() or 1) - 1)
_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_SESSION, _USER_TIME, _SYSTEM_TIME = 3, 11, 12


def settle() -> None:
    """Put this process and whatever it starts onto the load's core."""
    os.sched_setaffinity(0, {LOAD_CORE})


def pin(session: int) -> None:
    """Put a server and all its processes and threads onto the server's core."""
    for process in _processes(session):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), {SERVER_CORE})


def cpu_seconds(sessions: list[int]) -> float:
    """Return the processor time that these servers have used so far."""
    ticks = 0
    for session in sessions:
        for process in _processes(session):
            fields = _fields(process)
            ticks += int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME]) if fields else 0
    return ticks * _TICK_SECONDS


def _processes(session: int) -> Iterator[int]:
    """Find every process of a session: a server, its workers, their children."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _fields(int(entry.name))
            if fields and int(fields[_SESSION]) == session:
                yield int(entry.name)


def _fields(process: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat that follow the command, or none if the process is gone."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return []
