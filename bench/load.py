"""wrk as the client, with a different key in each request, and an open-loop client for latencies at a given rate."""

import gc
import re
import select
import socket
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 32
_WARM_UP_SECONDS = 1.0
_PATIENCE_SECONDS = 0.5
# Requests are built once; wrk only picks the next one.
_SCRIPT = """
local requests, n = {}, 0
for line in io.lines(os.getenv("BENCH_REQUESTS")) do
  requests[#requests + 1] = line:gsub("\\\\r\\\\n", "\\r\\n")
end
function request()
  n = n % #requests + 1
  return requests[n]
end
function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %f %f\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What the client saw of one measurement."""

    requests: int
    seconds: float
    errors: int
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Requests answered per second."""
        return self.requests / self.seconds


def get(path: str, *headers: str) -> str:
    """Return a GET as one line for the script."""
    return "\\r\\n".join([f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""])


def post(path: str, body: str, *headers: str) -> str:
    """Return a POST of JSON as one line for the script."""
    lines = (*headers, "Content-Type: application/json", f"Content-Length: {len(body)}")
    return "\\r\\n".join([f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", body])


class Wrk:
    """One client thread with 32 connections, on the load's core like whoever starts it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._script = directory / "requests.lua"
        self._script.write_text(_SCRIPT, encoding="utf-8")

    def prepare(self, name: str, requests: Sequence[str]) -> Path:
        """Write a contestant's requests to a file."""
        path = self._directory / f"{name}.requests"
        path.write_text("\n".join(requests) + "\n", encoding="utf-8")
        return path

    def run(self, port: int, requests: Path, seconds: float) -> Result:
        """Send requests as fast as they are answered."""
        told = subprocess.run(
            [
                *(
                    "wrk",
                    "-t1",
                    f"-c{CONNECTIONS}",
                    f"-d{max(1, round(seconds))}s",
                    "-s",
                    str(self._script),
                ),
                f"http://127.0.0.1:{port}/",
            ],
            capture_output=True,
            text=True,
            check=True,
            env={"BENCH_REQUESTS": str(requests), "PATH": "/usr/bin:/bin:/usr/local/bin"},
        ).stdout
        found = re.search(r"RESULT (\d+) (\d+) (\d+) (\S+) (\S+)", told)
        assert found, told
        number, micros, errors = (int(found[part]) for part in (1, 2, 3))
        return Result(number, micros / 1e6, errors, float(found[4]) / 1000, float(found[5]) / 1000)


def at_rate(port: int, requests: Sequence[str], *, rate: int, seconds: float) -> Result:
    """Send at a steady rate, answered or not, and measure each call from the moment it was due.

    The first second is not counted: connections are opened and keys looked up for the first time then.
    """
    # The client's own pauses would be taken for the server's.
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        return _at_rate(port, requests, rate, seconds)
    finally:
        gc.enable()
        gc.unfreeze()


def _at_rate(port: int, requests: Sequence[str], rate: int, seconds: float) -> Result:
    wire = [line.replace("\\r\\n", "\r\n").encode() for line in requests]
    connections = [_Paced(port) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    ends_at, sent = began + _WARM_UP_SECONDS + seconds, 0
    due = began
    while due < ends_at:
        # `select` waits for fractions of a millisecond; event loops do not, and one that never waits takes the core
        # from Redis.
        _receive(connections, due - time.perf_counter())
        while due <= time.perf_counter() and due < ends_at:
            connections[sent % CONNECTIONS].send(wire[sent % len(wire)], due)
            sent += 1
            due = began + sent / rate
    patience = time.perf_counter() + _PATIENCE_SECONDS
    while (left := patience - time.perf_counter()) > 0 and any(c.waiting for c in connections):
        _receive(connections, left)
    return _summed_up(connections, began + _WARM_UP_SECONDS, seconds)


def _receive(connections: Sequence["_Paced"], patience: float) -> None:
    readable, _, _ = select.select(connections, (), (), max(0.0, patience))
    for connection in readable:
        connection.receive()


def _summed_up(connections: Sequence["_Paced"], counted_from: float, seconds: float) -> Result:
    latencies = sorted(
        took for c in connections for due, took in c.latencies if due >= counted_from
    )
    unanswered = sum(len(connection.waiting) for connection in connections)
    wrong = sum(connection.wrong for connection in connections)
    for connection in connections:
        connection.socket.close()
    return Result(
        len(latencies),
        seconds,
        unanswered + wrong,
        1000 * latencies[len(latencies) // 2],
        1000 * latencies[int(len(latencies) * 0.99)],
    )


class _Paced:
    """One connection with the due times of the questions that wait for their answers."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self.waiting: deque[float] = deque()
        self.latencies: list[tuple[float, float]] = []
        self.wrong = 0

    def fileno(self) -> int:
        """Return what `select` looks at."""
        return self.socket.fileno()

    def send(self, request: bytes, due: float) -> None:
        """Send one question that was due at this time."""
        self.waiting.append(due)
        self.socket.sendall(request)

    def receive(self) -> None:
        """Take in answers. Each has one head; what follows it, if anything, is shorter than the next one's first line."""
        *heads, self._rest = (self._rest + self.socket.recv(65_536)).split(b"\r\n\r\n")
        now = time.perf_counter()
        for head in heads:
            due = self.waiting.popleft()
            self.latencies.append((due, now - due))
            self.wrong += b"HTTP/1.1 20" not in head
