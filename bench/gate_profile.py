"""The gate's own paths beside a bare hello, in short interleaved rounds: what a change to the hot path did.

Run as `python -m bench.gate_profile [seconds [rounds]]`; the table that counts is made by `make bench`.
"""

import os
import statistics
import sys
import tempfile
from pathlib import Path

from tests import servers

DATABASES = servers.provide()
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"

import django  # noqa: E402

django.setup()

from bench import load, machine  # noqa: E402
from config.embedded.servers import free_port  # noqa: E402
from tests.doubles.house import House, open_house  # noqa: E402
from tests.doubles.stack import Program, answers  # noqa: E402

_RATE = {"rate_limit": 1_000_000, "rate_per_seconds": 1, "rate_burst": 1_000_000}
_QUOTA = {"quota_limit": 10**12, "quota_period": "month"}
_SAID = ("X-Forwarded-Method: GET", "X-Forwarded-For: 192.0.2.9")


def _server(directory: Path, application: str, *options: str) -> tuple[Program, int]:
    port = free_port()
    command = [
        *(sys.executable, "-m", "uvicorn", application, "--host", "127.0.0.1", "--port", str(port)),
        *("--no-access-log", "--no-proxy-headers", "--log-level", "warning", *options),
    ]
    environment = {"GATEWAY_TRUSTED_PROXIES": "127.0.0.0/8"}
    program = Program(application.partition(":")[0], command, directory, environment)
    program.start()
    program.wait_for(lambda: answers(port, "/metrics"))
    machine.pin(program.pid)
    return program, port


def requests_of(house: House, uri: str, number: int) -> list[str]:
    """Return questions about as many keys, as lines for the client."""
    secrets = [house.key(name=f"key {n}", **_RATE, **_QUOTA).secret for n in range(number)]
    return [
        load.get("/gateway/authorize", f"X-API-Key: {secret}", f"X-Forwarded-Uri: {uri}", *_SAID)
        for secret in secrets
    ]


def _compare(directory: Path, house: House, seconds: float, rounds: int) -> None:
    house.rule("/leased/*", mode="leased")
    wrk = load.Wrk(directory)
    hello, hello_port = _server(directory, "bench.hello:application")
    gate, gate_port = _server(
        directory,
        "tests.doubles.gate_only:application",
        *("--http", "apikeys.gateway.protocol:GateProtocol", "--lifespan", "on"),
    )
    lines = {
        "hello": (hello, hello_port, wrk.prepare("hello", [load.get("/")])),
        "strict, 1,000 keys": (gate, gate_port, wrk.prepare("s", requests_of(house, "/a", 1000))),
        "leased, 10 keys": (gate, gate_port, wrk.prepare("l", requests_of(house, "/leased/a", 10))),
    }
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in lines}
    try:
        for _ in range(rounds + 1):
            for name, (program, port, requests) in lines.items():
                before = machine.cpu_seconds([program.pid])
                result = wrk.run(port, requests, seconds)
                used = machine.cpu_seconds([program.pid]) - before
                measured[name].append((result.per_second, 1e6 * used / result.requests))
                assert result.errors == 0, f"{name}: {result.errors} errors"
    finally:
        gate.stop()
        hello.stop()
    base = statistics.median(rate for rate, _ in measured["hello"][1:])
    for name, values in measured.items():
        rate = statistics.median(value for value, _ in values[1:])
        cpu = statistics.median(value for _, value in values[1:])
        print(f"{name:20} {rate:9,.0f}/s {cpu:6.1f} µs {rate / base:6.2f} × hello")


def main() -> None:
    """Furnish a database, start both servers, measure, print."""
    seconds, rounds = (float(word) for word in (*sys.argv[1:], "3", "3")[:2])
    try:
        with tempfile.TemporaryDirectory() as directory, open_house(DATABASES.clone) as house:
            machine.settle()
            _compare(Path(directory), house, seconds, int(rounds))
    finally:
        DATABASES.drop()


if __name__ == "__main__":
    main()
