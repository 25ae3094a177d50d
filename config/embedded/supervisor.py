"""Keeps the programs of the embedded run alive: one log, restarts with patience, and an end that leaves nothing behind."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from config.embedded.place import BASE_DIR
from config.embedded.servers import dies_with_parent

_SHORTEST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
# Whoever lived this long did not fail at its start.
_HEALTHY_SECONDS = 30.0
_STOP_SECONDS = 15.0


@dataclass
class Child:
    """One program: how it is started, whether it lives, and when it may be tried again."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    pause: float = field(default=_SHORTEST_PAUSE, init=False)
    started_at: float = field(default=0.0, init=False)
    retry_at: float | None = field(default=None, init=False)
    rest: bytes = field(default=b"", init=False)

    def start(self) -> IO[bytes]:
        """Start the program in a process group of its own and return its output."""
        self.process = subprocess.Popen(  # noqa: S603  (our own command line)
            list(self.command),
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self.environment},
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509  (we have no threads)
        )
        self.started_at, self.retry_at = time.monotonic(), None
        assert self.process.stdout is not None, "asked for above"
        os.set_blocking(self.process.stdout.fileno(), False)
        return self.process.stdout

    @property
    def is_running(self) -> bool:
        """Tell whether the program lives."""
        return self.process is not None and self.process.poll() is None

    def plan_restart(self) -> float:
        """Set when to try again: later after every failure that followed soon on a start."""
        lived = time.monotonic() - self.started_at
        self.pause = (
            _SHORTEST_PAUSE if lived > _HEALTHY_SECONDS else min(self.pause * 2, _LONGEST_PAUSE)
        )
        self.retry_at = time.monotonic() + self.pause
        return self.pause

    def signal(self, how: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the program, or to all that it started."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if group:
                os.killpg(self.process.pid, how)
            elif self.process.poll() is None:
                self.process.send_signal(how)


class Supervisor:
    """Runs children and shows their output, each line under its child's name."""

    def __init__(self, show: Callable[[str, str], None]) -> None:
        self._show = show
        self._children: list[Child] = []
        self._outputs = selectors.DefaultSelector()

    def add(self, child: Child) -> None:
        """Start a child and keep it alive from now on."""
        self._children.append(child)
        self._start(child)

    def attend(self, seconds: float) -> None:
        """Show what the children say for a while and restart those that died."""
        deadline = time.monotonic() + seconds
        while True:
            self._relay(max(0.0, min(0.2, deadline - time.monotonic())))
            for child in self._children:
                self._revive(child)
            if time.monotonic() >= deadline:
                return

    def is_running(self, name: str) -> bool:
        """Tell whether a child lives."""
        return any(child.is_running for child in self._children if child.name == name)

    def stop(self) -> None:
        """Stop the children: all at once, politely first, then whole process groups for good."""
        for child in self._children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while any(child.is_running for child in self._children) and time.monotonic() < deadline:
            self._relay(0.1)
        for child in self._children:
            if child.is_running:
                self._show(child.name, "does not stop; it is killed")
            child.signal(signal.SIGKILL, group=True)
            if child.process is not None:
                child.process.wait()
        self._relay(0)

    def _start(self, child: Child) -> None:
        self._outputs.register(child.start(), selectors.EVENT_READ, child)

    def _revive(self, child: Child) -> None:
        if child.is_running:
            return
        if child.retry_at is None:
            # What it left running would hold its port or its jobs.
            child.signal(signal.SIGKILL, group=True)
            status = child.process.returncode if child.process else 0
            self._show(
                child.name, f"ended with {status}; starts again in {child.plan_restart():.0f} s"
            )
        elif time.monotonic() >= child.retry_at:
            self._start(child)

    def _relay(self, seconds: float) -> None:
        if not self._outputs.get_map():
            time.sleep(seconds)
            return
        for key, _ in self._outputs.select(seconds):
            child: Child = key.data
            output: IO[bytes] = key.fileobj  # type: ignore[assignment]
            block = output.read(65536)
            if block == b"":
                self._outputs.unregister(output)
                output.close()
            *lines, child.rest = (child.rest + (block or b"")).split(b"\n")
            for line in lines:
                self._show(child.name, line.decode(errors="replace"))
