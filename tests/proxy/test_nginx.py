"""nginx with the shipped configuration: what every proxy must do, and what is nginx's own."""

import http.client
import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import call_command

from analytics.models import ApiUsageLog
from config.common.errors import (
    DomainError,
    HeadersTooLarge,
    MalformedRequest,
    PayloadTooLarge,
)
from config.embedded.place import BASE_DIR
from tests.doubles.house import House
from tests.doubles.stack import Gate, Proxy, Stack
from tests.doubles.upstream import Upstream
from tests.patience import until
from tests.proxy.any_proxy import *  # noqa: F403
from tests.proxy.any_proxy_attacked import *  # noqa: F403
from tests.proxy.refusing import require_problem

pytestmark = [
    pytest.mark.proxy,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed"),
]


@pytest.fixture(scope="module")
def proxy(stack: Stack, gate: Gate, api: Upstream) -> Proxy:
    """The running nginx."""
    return stack.nginx(gate.port, api.port)


@pytest.fixture(scope="module")
def before(stack: Stack, gate: Gate) -> Before:  # noqa: F405
    """Start another nginx before another API."""
    return lambda port: stack.nginx(gate.port, port, name=f"nginx-{port}", patience="1s")


def test_the_folder_is_a_configuration_as_it_stands(tmp_path: Path) -> None:
    home = shutil.copytree(BASE_DIR / "deploy" / "nginx", tmp_path / "nginx")
    (home / "temporary").mkdir()

    checked = subprocess.run(
        ["nginx", "-t", "-e", str(home / "error.log"), "-p", str(home), "-c", "nginx.conf"],
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr


def test_nobody_asks_the_gate_through_the_proxy(client: httpx.Client, api: Upstream) -> None:
    response = client.get("/_tollgate/authorize")

    assert response.status_code == 404
    assert not api.calls


def test_refuses_a_body_that_is_too_large_unasked(client: httpx.Client, api: Upstream) -> None:
    refused = client.post("/orders", content=b"x" * 11_000_000)

    problem = require_problem(refused, 413, "payload_too_large")
    assert problem["title"] == PayloadTooLarge.title
    assert not api.calls


@pytest.mark.parametrize(
    ("head", "status", "error"),
    [
        (f"GET /orders?{'a' * 9_000} HTTP/1.1\r\nHost: api.test\r\n", 431, HeadersTooLarge),
        (f"GET /orders HTTP/1.1\r\nHost: api.test\r\nX-A: {'a' * 9_000}\r\n", 431, HeadersTooLarge),
        ("GET /orders HTTP/1.1\r\n", 400, MalformedRequest),
        ("GET /orders HTTP/1.1\r\nHost: a b\r\n", 400, MalformedRequest),
        ("GET orders HTTP/1.1\r\nHost: api.test\r\n", 400, MalformedRequest),
    ],
    ids=["long line", "long header", "no host", "bad host", "no path"],
)
def test_tells_in_a_problem_document_what_it_cannot_read(
    proxy: Proxy, api: Upstream, head: str, status: int, error: type[DomainError]
) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as connection:
        connection.sendall(f"{head}\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        problem = json.loads(answer.read())

    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert (problem["status"], problem["code"], problem["title"]) == (
        status,
        error.code,
        error.title,
    )
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert not api.calls


def logged(stack: Stack, *calls: httpx.Response) -> list[dict[str, Any]]:
    """Return the lines of some calls, when nginx has written them: it gathers lines for a second."""
    file = stack.directory / "nginx" / "access.json"
    ids = [call.headers["X-Request-Id"] for call in calls]

    def found() -> list[dict[str, Any]]:
        whole, _, _ = file.read_text(encoding="utf-8", errors="replace").rpartition("\n")
        lines = {line["request_id"]: line for line in map(json.loads, whole.splitlines())}
        return [lines[name] for name in ids] if lines.keys() >= set(ids) else []

    return until(found, "nginx does not write its log")


def test_logs_what_ingestion_reads(house: House, stack: Stack, client: httpx.Client) -> None:
    key = house.key()

    passed = client.post('/status/503?secret="1"', headers=key.headers, content=b"12345")
    stopped = client.get("/orders/1")

    answered, refused = logged(stack, passed, stopped)
    assert (answered["status"], answered["upstream_status"]) == (503, "503")
    assert (answered["key_id"], answered["auth_status"]) == (str(key.row.pk), "")
    assert (answered["method"], answered["path"]) == ("POST", "/status/503")
    assert answered["bytes_out"] > answered["bytes_in"] > 5
    assert (refused["status"], refused["key_id"], refused["auth_status"]) == (401, "", "401")


def test_status_and_latency_of_a_call_are_the_real_ones(
    house: House, stack: Stack, client: httpx.Client
) -> None:
    key = house.key()
    passed = client.get("/status/503", headers=key.headers)
    logged(stack, passed)

    call_command("ingest_usage")
    call_command("ingest_access_log", str(stack.directory / "nginx" / "access.json"))

    row = ApiUsageLog.objects.get(request_id=passed.headers["X-Request-Id"])
    assert (row.api_key_id, row.method, row.path) == (key.row.pk, "GET", "/status/503")
    assert row.status == 503
    assert row.latency_ms is not None


def test_what_fails_at_the_api_is_given_back_where_the_rule_says_so(
    house: House, stack: Stack, client: httpx.Client, api: Upstream
) -> None:
    house.rule("/status/*", counted_statuses=["2xx"])
    key = house.key(quota_limit=2, quota_period="month")
    failed = [client.get("/status/503", headers=key.headers) for _ in range(2)]
    refused = client.get("/status/200", headers=key.headers)
    logged(stack, *failed)

    call_command("ingest_usage")
    call_command("ingest_access_log", str(stack.directory / "nginx" / "access.json"))
    passed = [client.get("/status/200", headers=key.headers) for _ in range(3)]

    assert [call.status_code for call in failed] == [503, 503]
    assert require_problem(refused, 429, "quota_exceeded")
    assert [call.status_code for call in passed] == [200, 200, 429]
    units = ApiUsageLog.objects.filter(api_key_id=key.row.pk).values_list("status", "units")
    assert (503, 0) in list(units)


def test_a_path_that_is_no_text_keeps_no_outcome_back(
    house: House, stack: Stack, client: httpx.Client
) -> None:
    passed = client.get("/orders/caf%e9", headers=house.key().headers)
    logged(stack, passed)

    call_command("ingest_usage")
    call_command("ingest_access_log", str(stack.directory / "nginx" / "access.json"))

    row = ApiUsageLog.objects.get(request_id=passed.headers["X-Request-Id"])
    assert (row.path, row.status) == ("/orders/caf%e9", 200)


@pytest.mark.trial
def test_asks_a_gate_on_a_socket_file(house: House, stack: Stack, api: Upstream) -> None:
    file = stack.directory / "gate.socket"
    stack.gate_on_file(file)
    proxy = stack.nginx(file, api.port, name="nginx-to-file")
    here, elsewhere = house.key(ip_allowlist=["127.0.0.0/8"]), house.key(ip_allowlist=["192.0.2.7"])
    forged = {"X-Forwarded-For": "192.0.2.7"}

    passed = httpx.get(proxy.url, headers=here.headers, timeout=60)
    refused = httpx.get(proxy.url, headers={**elsewhere.headers, **forged}, timeout=60)

    assert passed.status_code == 200
    assert api.last.header("X-Key-Id") == str(here.row.pk)
    require_problem(refused, 403, "forbidden_ip")
    assert len(api.calls) == 1
