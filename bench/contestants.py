"""Who is measured: the product by its shipped entry points, and what it is compared with. Each has servers of its own."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.utils import timezone
from psycopg import sql

from apikeys.services import service_keys
from bench import load, machine
from config.embedded.place import BASE_DIR
from config.embedded.servers import free_port
from tests.doubles.house import House
from tests.doubles.stack import Listener, Program, Stack

KEYS, FEW_KEYS, HOT_KEYS = 1_000, 100, 10
_RATE = {"rate_limit": 1_000_000, "rate_per_seconds": 1, "rate_burst": 1_000_000}
_QUOTA = {"quota_limit": 10**12, "quota_period": "month"}
_THREADS = ("--worker-class", "gthread", "--workers", "1", "--threads", "8", "--keep-alive", "60")
_NGINX = """
worker_processes 1;
pid nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path temporary/body;
    proxy_temp_path temporary/proxy;
    fastcgi_temp_path temporary/fastcgi;
    uwsgi_temp_path temporary/uwsgi;
    scgi_temp_path temporary/scgi;
    keepalive_requests 100000;
    upstream api {{ server 127.0.0.1:{api}; keepalive 64; keepalive_requests 100000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ {answer} }}
    }}
}}
"""
_HELLO = 'return 200 "hello";'
_ON_TO_THE_API = 'proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection "";'


@dataclass
class Contestant:
    """One line of the table: which port is asked what, and whose processor time counts."""

    name: str
    port: int
    requests: list[str]
    file: Path
    sessions: list[int]


@dataclass
class Field:
    """Everyone who takes part; who cannot is named with the reason."""

    stack: Stack
    house: House
    wrk: load.Wrk
    contestants: list[Contestant] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = [self.house.key(name=f"key {n}", **_RATE, **_QUOTA).secret for n in range(KEYS)]

    def enter_all(self) -> None:
        """Start everyone on the server's core."""
        for enter in (
            self._hello,
            self._gate_and_proxies,
            self._drf_views,
            self._drf_api_key,
            self._better_auth,
        ):
            print(f"starting: {enter.__name__.strip('_')}", file=sys.stderr, flush=True)
            enter()

    def called(self, name: str) -> Contestant | None:
        """Return who has this name, unless it could not take part."""
        return next((one for one in self.contestants if one.name == name), None)

    def _hello(self) -> None:
        server = self._uvicorn("bench.hello:application")
        self._enter("bare ASGI hello on uvicorn", [load.get("/")], server)

    def _gate_and_proxies(self) -> None:
        gate = self.stack.gate()
        machine.pin(gate.pid)
        self._enter("gate, strict, 1,000 keys", self._asked("/orders/1", KEYS), gate)
        self._enter("gate, leased, 10 keys", self._asked("/leased/1", HOT_KEYS), gate)
        self._enter("verify API, strict, 1,000 keys", self._verified(), gate)
        file = self.stack.directory / "gate.socket"
        filed = self.stack.gate_on_file(file)
        machine.pin(filed.pid)
        # The API behind the proxies stands once with the load, so that only the way to it is measured, and once with
        # the proxies, so that the whole way is.
        apart = self._nginx("api", _HELLO, pinned=False)
        beside = self._nginx("api-beside", _HELLO)
        self._enter("nginx return 200", [load.get("/")], beside)
        ways = (("nginx + gate", gate, gate.port), ("nginx + gate on a file", filed, file))
        self._proxies(ways, apart)
        self._proxies(ways, beside, beside, suffix=" and API")

    def _proxies(
        self,
        ways: tuple[tuple[str, Program, int | Path], ...],
        api: Listener,
        *counted: Program,
        suffix: str = "",
    ) -> None:
        """Bare `proxy_pass` to an API, and nginx that asks the gate first; what is counted costs processor time, too."""
        bare = self._nginx(f"bare{suffix}", _ON_TO_THE_API, api_port=api.port)
        self._enter(f"nginx proxy_pass{suffix}", [load.get("/")], bare, *counted)
        for way, gate, where in ways:
            # One core, one worker: `auto` would count the machine's.
            proxy = self.stack.nginx(where, api.port, name=f"{way}{suffix}", workers="1")
            machine.pin(proxy.pid)
            for which, path, number in (
                ("strict, 1,000 keys", "/orders/1", KEYS),
                ("leased, 10 keys", "/leased/1", HOT_KEYS),
            ):
                requests = [load.get(path, f"X-API-Key: {key}") for key in self.keys[:number]]
                self._enter(f"{way}{suffix}, {which}", requests, proxy, gate, *counted)

    def _asked(self, uri: str, number: int) -> list[str]:
        said = ("X-Forwarded-Method: GET", f"X-Forwarded-Uri: {uri}", "X-Forwarded-For: 192.0.2.9")
        return [
            load.get("/gateway/authorize", f"X-API-Key: {key}", *said) for key in self.keys[:number]
        ]

    def _verified(self) -> list[str]:
        _, secret = service_keys.create_service_key(
            name="bench", scopes=["keys:verify"], by=None, at=timezone.now()
        )
        bearer = f"Authorization: Bearer {secret}"
        return [
            load.post("/api/v1/keys/verify", json.dumps({"key": key}), bearer) for key in self.keys
        ]

    def _drf_views(self) -> None:
        """The same decision inside a DRF view, with the product's settings and middleware."""
        server = self._gunicorn(
            "bench.drf_views:application", DJANGO_SETTINGS_MODULE="bench.drf_settings"
        )
        self._enter("DRF view without a key", [load.get("/free")], server)
        # Few enough for all to be known after the warm-up: what a look-up costs is not the question here.
        requests = [load.get("/metered", f"X-API-Key: {key}") for key in self.keys[:FEW_KEYS]]
        self._enter("DRF view, metered, 100 keys", requests, server)

    def _drf_api_key(self) -> None:
        url, file = self._database("bench_drf_api_key"), self.stack.directory / "drf.keys"
        made = [sys.executable, "-m", "bench.yardstick_drf", str(KEYS), str(file)]
        environment = {"YARDSTICK_DATABASE_URL": url}
        subprocess.run(made, check=True, cwd=BASE_DIR, env={**os.environ, **environment})
        server = self._gunicorn("bench.yardstick_drf:application", **environment)
        secrets = file.read_text(encoding="utf-8").split("\n")
        requests = [load.get("/", f"Authorization: Api-Key {secret}") for secret in secrets]
        self._enter("djangorestframework-api-key on gunicorn", requests, server)

    def _better_auth(self) -> None:
        names = {storage: f"better-auth, {storage}" for storage in ("memory", "redis", "postgres")}
        home = self.stack.directory / "better-auth"
        shutil.copytree(BASE_DIR / "bench" / "better_auth", home)
        reason = _installed(home)
        for storage, name in names.items():
            if reason:
                self.absent[name] = reason
                continue
            port, file = free_port(), home / f"{storage}.keys"
            environment = {
                "STORAGE": storage,
                "PORT": str(port),
                "KEYS": str(KEYS),
                "KEYS_FILE": str(file),
                "NODE_ENV": "production",
                "DATABASE_URL": self._database(f"bench_better_auth_{storage}"),
            }
            command = ["node", str(home / "server.mjs")]
            directory = self.stack.directory
            server = self.stack.started(
                Listener(f"better-auth-{storage}", command, directory, environment, port=port)
            )
            machine.pin(server.pid)
            secrets = file.read_text(encoding="utf-8").split("\n")
            self._enter(name, [load.get("/", f"X-API-Key: {key}") for key in secrets], server)

    def _uvicorn(self, application: str) -> Listener:
        port = free_port()
        command = [
            *(sys.executable, "-m", "uvicorn", application, "--no-access-log"),
            *("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"),
        ]
        return self._pinned(Listener("uvicorn", command, self.stack.directory, port=port))

    def _gunicorn(self, application: str, **environment: str) -> Listener:
        port = free_port()
        command = [
            *(sys.executable, "-m", "gunicorn", application, *_THREADS),
            *("--bind", f"127.0.0.1:{port}", "--log-level", "warning"),
        ]
        name = application.partition(":")[0]
        return self._pinned(Listener(name, command, self.stack.directory, environment, port=port))

    def _nginx(self, name: str, answer: str, *, api_port: int = 1, pinned: bool = True) -> Listener:
        home, port = self.stack.directory / name, free_port()
        (home / "temporary").mkdir(parents=True)
        text = _NGINX.format(port=port, api=api_port, answer=answer)
        (home / "nginx.conf").write_text(text, encoding="utf-8")
        command = [
            *("nginx", "-e", str(home / "error.log"), "-p", str(home), "-c", "nginx.conf"),
            *("-g", "daemon off;"),
        ]
        server = Listener(name, command, self.stack.directory, port=port)
        return self._pinned(server) if pinned else self.stack.started(server)

    def _pinned(self, server: Listener) -> Listener:
        self.stack.started(server)
        machine.pin(server.pid)
        return server

    def _enter(self, name: str, requests: list[str], front: Listener, *behind: Program) -> None:
        file = self.wrk.prepare(f"{len(self.contestants)}", requests)
        sessions = [program.pid for program in (front, *behind)]
        self.contestants.append(Contestant(name, front.port, requests, file, sessions))

    def _database(self, name: str) -> str:
        """Make an empty database beside the product's own."""
        with psycopg.connect(os.environ["TEST_DATABASE_SERVER"], autocommit=True) as server:
            for statement in ("DROP DATABASE IF EXISTS {}", "CREATE DATABASE {}"):
                server.execute(sql.SQL(statement).format(sql.Identifier(name)))
        return urlsplit(os.environ["TEST_DATABASE_SERVER"])._replace(path=f"/{name}").geturl()


def _installed(home: Path) -> str:
    """Install the Node yardstick's packages; return why that is impossible, if it is."""
    if not shutil.which("npm"):
        return "npm is not installed"
    install = [
        "npm",
        "install",
        "--legacy-peer-deps",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
    ]
    installed = subprocess.run(install, cwd=home, check=False, capture_output=True, text=True)
    return "" if installed.returncode == 0 else "its packages cannot be installed"
