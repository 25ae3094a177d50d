"""What no client can talk a proxy and the gate into, whichever proxy it is; each proxy's own file runs these tests."""

import json

import httpx
import pytest

from tests.doubles.house import House
from tests.doubles.stack import Proxy
from tests.doubles.upstream import Upstream
from tests.proxy.refusing import curl, require_problem

IDENTITY = (
    "X-Org-Id",
    "X-Key-Id",
    "X-Plan",
    "X-Scopes",
    "X-Credits-Remaining",
    "X-Hold-Id",
    "X-Gateway-Assertion",
)


def test_refuses_two_different_keys(house: House, client: httpx.Client, api: Upstream) -> None:
    headers = {**house.key().headers, "X-API-Key": house.key().secret}

    response = client.get("/", headers=headers)

    require_problem(response, 400, "keys_contradict")
    assert not api.calls


def test_refuses_other_addresses(house: House, client: httpx.Client, api: Upstream) -> None:
    here, elsewhere = house.key(ip_allowlist=["127.0.0.0/8"]), house.key(ip_allowlist=["192.0.2.7"])
    forged = {
        "X-Forwarded-For": "192.0.2.7",
        "X-Real-IP": "192.0.2.7",
        "Forwarded": "for=192.0.2.7",
    }

    passed = client.get("/", headers=here.headers)
    refused = client.get("/", headers={**elsewhere.headers, **forged})

    assert passed.status_code == 200
    require_problem(refused, 403, "forbidden_ip")
    assert len(api.calls) == 1


def test_refuses_other_origins(house: House, client: httpx.Client, api: Upstream) -> None:
    key = house.key(allowed_origins=["https://*.example.com"])

    passed = client.get("/", headers={**key.headers, "Origin": "https://app.example.com"})
    refused = client.get("/", headers={**key.headers, "Origin": "https://example.com.evil.test"})

    assert passed.status_code == 200
    require_problem(refused, 403, "forbidden_origin")
    assert len(api.calls) == 1


# Spellings of /admin/secrets that one server or another understands; httpx would mend some of them, hence curl.
@pytest.mark.parametrize(
    "path",
    [
        "/admin/secrets",
        "//admin/secrets",
        "//host/admin/secrets",
        "/open#/../admin/secrets",
        "/./admin/secrets",
        "/orders/../admin/secrets",
        "/orders/%2e%2e/admin/secrets",
        "/%61dmin/secrets",
        "/%2561dmin/secrets",
        "/admin%2fsecrets",
        "/admin\\secrets",
        "/ADMIN/secrets",
        "/admin;v=1/secrets",
    ],
)
def test_no_spelling_of_a_path_evades_its_scope(
    path: str, house: House, proxy: Proxy, api: Upstream
) -> None:
    key = house.key(scopes=["orders:read"])
    header = f"X-API-Key: {key.secret}"

    answer = curl("--request-target", path, "--header", header, proxy.url)

    assert answer.status in {400, 403}, answer
    assert answer.content_type == "application/problem+json"
    assert not api.calls


@pytest.mark.parametrize(
    "forged",
    [
        {"X-Original-URI": "/orders/1", "X-Original-Method": "GET", "X-Original-Host": "other"},
        {"X-Forwarded-Uri": "/orders/1", "X-Forwarded-Method": "GET", "X-Forwarded-Host": "other"},
        {"X_Original_URI": "/orders/1", "X_Forwarded_Uri": "/orders/1"},
        {"X-Auth-Status": "200", "X-Auth-Problem": "e30=", "X-Auth-Problem-Json": "{}"},
        {"X-HTTP-Method-Override": "OPTIONS", "X-Original-URL": "/orders/1"},
        {"X-Scopes": "admin:all", "X-Org-Id": "1", "X-Plan": "ENTERPRISE"},
    ],
)
def test_no_header_of_the_client_speaks_for_the_proxy(
    forged: dict[str, str], house: House, client: httpx.Client, api: Upstream
) -> None:
    key = house.key(scopes=["orders:read"])

    response = client.get("/admin/secrets", headers={**key.headers, **forged})

    require_problem(response, 403, "insufficient_scope")
    assert not api.calls


def test_identity_is_nobodys_but_the_gates(
    house: House, client: httpx.Client, api: Upstream
) -> None:
    forged = dict.fromkeys((*IDENTITY, "X-Auth-Status", "X-Auth-Problem"), "forged")
    forged |= {name.replace("-", "_"): "forged" for name in IDENTITY}

    response = client.get("/", headers={**house.key(scopes=[]).headers, **forged})

    assert response.status_code == 200
    assert "forged" not in json.dumps(api.last.headers)
    assert api.last.header("X-Org-Id") == str(house.organization.pk)
    assert api.last.header("X-Hold-Id") is None


def test_identity_cannot_be_dropped_on_the_way(
    house: House, client: httpx.Client, api: Upstream
) -> None:
    headers = {**house.key().headers, "Connection": "keep-alive, X-Key-Id, X-Org-Id, X-Scopes"}

    client.get("/", headers=headers)

    assert {"x-key-id", "x-org-id", "x-scopes"} <= api.last.headers.keys()


def test_each_call_has_an_id_of_the_proxys_own(
    house: House, client: httpx.Client, api: Upstream
) -> None:
    headers = {**house.key().headers, "X-Request-Id": "chosen-by-the-client"}

    ids = [client.get("/", headers=headers).headers["X-Request-Id"] for _ in range(2)]

    assert "chosen-by-the-client" not in ids
    assert len(set(ids)) == 2
    assert [call.header("X-Request-Id") for call in api.calls] == ids


def test_refuses_headers_that_are_too_large_for_the_gate(
    house: House, client: httpx.Client, api: Upstream
) -> None:
    """Each may be small enough for the proxy."""
    large = {"Origin": f"https://{'o' * 7000}", "User-Agent": "u" * 7000}

    refused = client.get(f"/orders/7?{'q' * 7000}", headers={**house.key().headers, **large})

    require_problem(refused, 431, "headers_too_large")
    assert "Retry-After" not in refused.headers
    assert not api.calls


def test_only_websockets_may_change_the_protocol(house: House, proxy: Proxy, api: Upstream) -> None:
    key = f"X-API-Key: {house.key().secret}"
    for protocol in ("h2c", "WebSocket"):
        curl("--header", key, "--header", f"Upgrade: {protocol}",
             "--header", "Connection: Upgrade, HTTP2-Settings", proxy.url)  # fmt: skip

    h2c, websocket = api.calls
    assert h2c.header("Upgrade") is None
    assert (websocket.header("Upgrade") or "").lower() == "websocket"
    assert (websocket.header("Connection") or "").lower() == "upgrade"
