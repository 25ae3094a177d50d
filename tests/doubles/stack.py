"""The product as it is deployed, for tests from outside: gate processes, nginx or Caddy, all on free ports of the loopback.

Programs are started by the product's own command lines and configuration files, share the session's PostgreSQL and
Valkey, and can be killed and started again.
"""

import contextlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from apikeys.restrictions import EnvironmentName
from apikeys.secrets import mint_key
from config.embedded import programs
from config.embedded.place import BASE_DIR
from config.embedded.servers import dies_with_parent
from tests.ports import free_port

PUBLIC_URL = "https://tollgate.test"
_DEPLOY = BASE_DIR / "deploy"
_READY_SECONDS = 100
_NOBODYS_KEY = mint_key(EnvironmentName.LIVE).text

P = TypeVar("P", bound="Program")


@dataclass
class Program:
    """One process: started, killed and started again with the same command line, its output in a file."""

    name: str
    command: Sequence[str]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Where everything that the program says is kept."""
        return self.directory / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """The number of the running process."""
        assert self.process is not None, f"{self.name} is not running"
        return self.process.pid

    def start(self) -> None:
        """Start the program in a process group of its own; it ends with us, even if we are killed."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=log,
                cwd=BASE_DIR,
                env={**os.environ, **self.environment},
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509  (one prctl call)
            )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the program and all it started; what does not go politely within a minute is killed."""
        if self.process is None:
            return
        for last_word in (how, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, last_word)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=60)
                break
        self.process = None

    def kill(self) -> None:
        """End the program as a crash would."""
        self.stop(signal.SIGKILL)

    def wait_for(self, is_ready: Callable[[], bool]) -> None:
        """Wait until the program answers; fail with its last words if it does not."""
        deadline = time.monotonic() + _READY_SECONDS
        while not is_ready():
            ended = self.process is None or self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                words = self.log.read_text(errors="replace")[-3000:]
                raise AssertionError(f"{self.name} did not start:\n{words}")
            time.sleep(0.02)


@dataclass
class Listener(Program):
    """A program that listens on a port; it is started when it answers there."""

    port: int = 0
    probe: str = "/"

    @property
    def url(self) -> str:
        """Its address as clients write it."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        super().start()
        self.wait_for(lambda: answers(self.port, self.probe))


@dataclass
class Proxy(Listener):
    """A reverse proxy that asks the gate about every call."""


@dataclass
class Gate(Listener):
    """One web process: gate, API and pages."""

    probe: str = "/healthz"

    def start(self) -> None:
        super().start()
        self.wait_for(self._decides)

    def _decides(self) -> bool:
        """Tell whether it reaches its servers: until then it answers 503."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/gateway/authorize", headers={"X-API-Key": _NOBODYS_KEY})
        status = connection.getresponse().status
        connection.close()
        return status == 401

    def metrics(self) -> dict[str, float]:
        """Return the process's metrics, each under its name with labels, as Prometheus would read them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        parts = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in parts}


@dataclass
class Stack:
    """What runs, in a directory of its own, and how to stop all of it."""

    directory: Path
    programs: list[Program] = field(default_factory=list)

    def gate(self, port: int | None = None, **environment: str) -> Gate:
        """Start a web process by the command line of the embedded run."""
        port = port or free_port()
        command, settled = _web(["--host", "127.0.0.1", "--port", str(port)], environment)
        return self.started(Gate(f"gate-{port}", command, self.directory, settled, port=port))

    def gate_on_file(self, file: Path, **environment: str) -> Program:
        """Start a web process that listens on a socket file instead of a port."""
        command, settled = _web(["--uds", str(file)], environment)
        gate = self.started(Program("gate-on-file", command, self.directory, settled))
        gate.wait_for(file.is_socket)  # it is made once the gate has its rules
        return gate

    def command(self, name: str, *arguments: str, **environment: str) -> Program:
        """Start a management command that goes on running."""
        command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
        return self.started(Program(name, command, self.directory, environment))

    def worker(self, **environment: str) -> Program:
        """Start a Celery worker by the command line of the embedded run."""
        worker = programs.worker()
        settled = {**worker.environment, **environment}
        return self.started(Program("worker", worker.command, self.directory, settled))

    def beat(self, **environment: str) -> Program:
        """Start the clock of the periodic jobs by the command line of the embedded run."""
        beat = programs.beat()
        settled = {**beat.environment, **environment}
        return self.started(Program("beat", beat.command, self.directory, settled))

    def nginx(
        self,
        gate: int | Path,
        api_port: int,
        *,
        name: str = "nginx",
        workers: str = "auto",
        patience: str = "",
    ) -> Proxy:
        """Start nginx with the shipped configuration, its five values replaced as the file says.

        It waits for the API as long as it does by itself, unless a test cannot.
        """
        port = free_port()
        home = self.directory / name
        asked = f"127.0.0.1:{gate}" if isinstance(gate, int) else f"unix:{gate}"
        shutil.copytree(_DEPLOY / "nginx", home)
        (home / "temporary").mkdir()
        if patience:
            with (home / "tollgate" / "protect.conf").open("a", encoding="utf-8") as protect:
                protect.write(f"proxy_read_timeout {patience};\n")
        configuration = home / "tollgate.conf"
        text = configuration.read_text(encoding="utf-8")
        for shipped, ours in (
            ("127.0.0.1:8000", asked),
            ("127.0.0.1:9000", f"127.0.0.1:{api_port}"),
            ("listen 8080;", f"listen 127.0.0.1:{port};"),
            ("https://tollgate.example.com", PUBLIC_URL),
        ):
            assert re.search(rf"^[^#\n]*{re.escape(shipped)}", text, re.MULTILINE), shipped
            text = text.replace(shipped, ours)
        configuration.write_text(text, encoding="utf-8")
        command = [
            *("nginx", "-e", str(home / "error.log"), "-p", str(home), "-c", "nginx.conf"),
            *("-g", "daemon off;"),
        ]
        settings = home / "nginx.conf"
        lines = settings.read_text(encoding="utf-8")
        settings.write_text(re.sub(r"(?m)^(worker_processes) .*;", rf"\1 {workers};", lines))
        return self.started(Proxy(name, command, self.directory, port=port))

    def caddy(
        self, gate_port: int, api_port: int, *, name: str = "caddy", patience: str = ""
    ) -> Proxy:
        """Start Caddy with the shipped configuration, its values given by the environment.

        It waits for the API as long as it does by itself, unless a test cannot.
        """
        port = free_port()
        environment = {
            "TOLLGATE_ADDRESS": f"127.0.0.1:{gate_port}",
            "TOLLGATE_URL": PUBLIC_URL,
            "API_ADDRESS": f"127.0.0.1:{api_port}",
            "SITE_ADDRESS": f"http://127.0.0.1:{port}",
            "HOME": str(self.directory),
            "XDG_DATA_HOME": str(self.directory / "caddy"),
            "XDG_CONFIG_HOME": str(self.directory / "caddy"),
        }
        configuration = _DEPLOY / "caddy" / "Caddyfile"
        if patience:
            text, place = configuration.read_text(encoding="utf-8"), "header_up -Authorization"
            assert text.count(place) == 1
            waits = f"transport http {{\nresponse_header_timeout {patience}\n}}\n"
            configuration = self.directory / f"{name}.Caddyfile"
            configuration.write_text(text.replace(place, waits + place), encoding="utf-8")
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(configuration)]
        return self.started(Proxy(name, command, self.directory, environment, port=port))

    def stop(self) -> None:
        """End everything, the last started first; nobody needs what a polite end takes half a second for."""
        for program in reversed(self.programs):
            program.kill()

    def started(self, program: P) -> P:
        """Start a program that is stopped with all the others."""
        self.programs.append(program)
        program.start()
        return program


def _web(
    listening: Sequence[str], environment: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return the command line of the embedded run's web process that listens there, and its environment."""
    web = programs.web()
    command = list(web.command)
    host, port = command.index("--host"), command.index("--port")
    del command[port : port + 2], command[host : host + 2]
    settled = {
        "DJANGO_SETTINGS_MODULE": "tests.doubles.patient_settings",
        "GATEWAY_TRUSTED_PROXIES": "127.0.0.0/8",
        "PUBLIC_URL": PUBLIC_URL,
        **web.environment,
        **environment,
    }
    return [*command, *listening], settled


@contextlib.contextmanager
def running_stack(directory: Path) -> Iterator[Stack]:
    """Hold a stack that is stopped in the end, whatever happened."""
    stack = Stack(directory)
    try:
        yield stack
    finally:
        stack.stop()


def answers(port: int, path: str) -> bool:
    """Tell whether somebody speaks HTTP on this port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={"Host": "127.0.0.1"})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()
