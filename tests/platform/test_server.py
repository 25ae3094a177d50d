"""The web process as it is deployed: hostile bytes, static files, WebSockets refused where nobody answers, or is meant to."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from config.common.middleware.security_headers import HEADERS
from tests.doubles.fixtures import renew
from tests.doubles.stack import Gate, running_stack


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with running_stack(tmp_path_factory.mktemp("server")) as stack:
        yield stack.gate(ALLOWED_HOSTS="127.0.0.1,tollgate.test", WEB_THREADS="2", LOG_LEVEL="INFO")
    renew()


def exchange(server, request):
    """Send raw bytes and return the status and the head of the answer."""
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=60)) as connection:
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = connection.recv(65536)
            if not part:
                break
            answer += part
    head = answer.partition(b"\r\n\r\n")[0].decode("latin-1")
    return int(head.split(" ", 2)[1]), head.lower()


def request(line, *headers, body=b""):
    lines = [line, "Host: 127.0.0.1", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /healthz HTTP/1.1", 200),
        ("GET /healthz?a=%C3%BF HTTP/1.1", 200),
        ("GET /healthz?a=%ff HTTP/1.1", 400),
        ("GET /healthz?a=%00 HTTP/1.1", 400),
        ("GET /healthz?a=\xff HTTP/1.1", 400),
        ("GET /%ff%fe HTTP/1.1", 404),
        ("GET /%00 HTTP/1.1", 404),
        ("GET /..%2f..%2fetc/passwd HTTP/1.1", 404),
        ("GET /static/../manage.py HTTP/1.1", 404),
        ("GET /static/%2e%2e/manage.py HTTP/1.1", 404),
        ("GET //healthz HTTP/1.1", 404),
        ("TRACE / HTTP/1.1", 405),
    ],
)
def test_odd_targets_get_a_plain_answer(server, line, status):
    found, _ = exchange(server, request(line))

    assert found == status


def test_every_answer_has_a_request_id_and_the_security_headers(server):
    for path in ("/healthz", "/no-such-page", "/api/v1/no-such-path"):
        _, head = exchange(server, request(f"GET {path} HTTP/1.1"))
        assert "x-request-id: " in head
        for name, value in HEADERS.items():
            assert f"{name}: {value}".lower() in head


def test_static_file_has_its_type_and_the_security_headers(server):
    status, head = exchange(server, request("GET /static/css/tollgate.css HTTP/1.1"))

    assert status == 200
    assert "content-type: text/css" in head
    assert "access-control-allow-origin" not in head
    for name, value in HEADERS.items():
        assert f"{name}: {value}".lower() in head


def test_chunked_body_reaches_django(server):
    body = b'2\r\n{"\r\nd\r\nnothing": 1}\n\r\n0\r\n\r\n'
    asked = request(
        "POST /api/v1/auth/login HTTP/1.1",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
        body=body,
    )

    status, head = exchange(server, asked)

    assert status == 400
    assert "content-type: application/problem+json" in head


def test_large_body_is_refused_before_it_is_sent(server):
    asked = request(
        "POST /api/v1/auth/login HTTP/1.1",
        "Content-Type: application/json",
        "Content-Length: 99999999",
    )

    status, head = exchange(server, asked)

    assert status == 413
    assert "content-type: application/problem+json" in head


def test_request_with_two_lengths_is_refused(server):
    asked = request(
        "POST /api/v1/auth/login HTTP/1.1",
        "Content-Length: 4",
        "Transfer-Encoding: chunked",
        body=b"0\r\n\r\n",
    )

    assert exchange(server, asked)[0] == 400


def test_slow_bodies_do_not_stop_others(server):
    asked = request("POST /api/v1/auth/login HTTP/1.1", "Content-Length: 100", body=b"{")
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    for connection in slow:
        connection.sendall(asked)

    status, _ = exchange(server, request("GET /healthz HTTP/1.1"))

    assert status == 200
    for connection in slow:
        connection.close()


def test_forwarded_address_of_a_stranger_is_not_believed(server):
    exchange(server, request("GET /no-such-page HTTP/1.1", "X-Forwarded-For: 6.6.6.6"))

    lines = [line for line in server.log.read_text().splitlines() if "/no-such-page" in line]
    assert lines
    assert all("ip=127.0.0.1" in line and "6.6.6.6" not in line for line in lines)


@pytest.mark.parametrize(
    ("path", "origin", "status", "code"),
    [
        ("/no/such/socket", "http://127.0.0.1", 404, "not_found"),
        ("/ws/live", "http://[127.0.0.1", 403, "forbidden"),
        ("/ws/live?ticket=made-up", "http://127.0.0.1", 401, "unauthenticated"),
    ],
)
def test_websocket_to_nowhere_or_from_nowhere_is_refused(server, path, origin, status, code):
    asked = request(
        f"GET {path} HTTP/1.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Origin: {origin}",
    )

    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=60)) as connection:
        connection.sendall(asked)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        problem = json.loads(answer.read())

    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert (problem["status"], problem["code"]) == (status, code)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
