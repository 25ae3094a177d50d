"""wrk as the client, with a different key in each request, and an open-loop client for latencies at a given rate."""

import asyncio
import gc
import re
import subprocess
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

CONNECTIONS = 32
_WARM_UP_SECONDS = 1.0
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
        return uvloop.run(_at_rate(port, requests, rate, seconds))
    finally:
        gc.enable()
        gc.unfreeze()


async def _at_rate(port: int, requests: Sequence[str], rate: int, seconds: float) -> Result:
    wire = [line.replace("\\r\\n", "\r\n").encode() for line in requests]
    loop = asyncio.get_running_loop()
    connections = [_Paced(loop) for _ in range(CONNECTIONS)]
    for connection in connections:
        await loop.create_connection(lambda paced=connection: paced, "127.0.0.1", port)
    began, sent = loop.time(), 0
    while (now := loop.time()) < began + _WARM_UP_SECONDS + seconds:
        due = int((now - began) * rate)
        for number in range(sent, due):
            connections[number % CONNECTIONS].send(wire[number % len(wire)], began + number / rate)
        sent = due
        await asyncio.sleep(0.0002)
    await asyncio.sleep(0.5)
    counted_from = began + _WARM_UP_SECONDS
    latencies = sorted(
        took for c in connections for due, took in c.latencies if due >= counted_from
    )
    unanswered = sum(len(connection.waiting) for connection in connections)
    wrong = sum(connection.wrong for connection in connections)
    return Result(
        len(latencies),
        seconds,
        unanswered + wrong,
        1000 * latencies[len(latencies) // 2],
        1000 * latencies[int(len(latencies) * 0.99)],
    )


class _Paced(asyncio.Protocol):
    """One connection with the due times of the questions that wait for their answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self.waiting: deque[float] = deque()
        self.latencies: list[tuple[float, float]] = []
        self.wrong = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's are no subclasses

    def send(self, request: bytes, due: float) -> None:
        """Send one question that was due at this time."""
        assert self._transport is not None
        self.waiting.append(due)
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        # Each answer has one head; what follows it, if anything, is shorter than the next one's first line.
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        now = self._loop.time()
        for head in heads:
            due = self.waiting.popleft()
            self.latencies.append((due, now - due))
            self.wrong += b"HTTP/1.1 20" not in head
