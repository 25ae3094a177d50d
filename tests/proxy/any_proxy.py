"""What holds whichever proxy stands before the gate; each proxy's own file runs these tests with its `proxy` fixture."""

import json
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from apikeys.gateway.refusals import ApiTooSlow, ApiUnreachable
from apikeys.models import ApiKey
from apikeys.restrictions import EnvironmentName
from apikeys.secrets import mint_key
from apikeys.services import keys
from config.common.errors import DomainError
from tests.doubles.bucket import Usage, rooms
from tests.doubles.house import House, Issued
from tests.doubles.stack import Gate, Proxy
from tests.doubles.upstream import Upstream
from tests.patience import within_one
from tests.ports import free_port
from tests.proxy.load import CONNECTIONS, under_load
from tests.proxy.refusing import require_problem

Elapse = Callable[[Issued, int], None]
Before = Callable[[int], Proxy]


def test_passes_a_call_with_its_identity_and_without_its_key(
    house: House, client: httpx.Client, api: Upstream
) -> None:
    key = house.key(scopes=["orders:read", "orders:write"])

    response = client.get("/orders/7?full=yes", headers=key.headers)

    assert response.status_code == 200
    assert (api.last.method, api.last.path) == ("GET", "/orders/7?full=yes")
    assert api.last.header("X-Org-Id") == str(house.organization.pk)
    assert api.last.header("X-Key-Id") == str(key.row.pk)
    assert api.last.header("X-Plan") == "ENTERPRISE"
    assert api.last.header("X-Scopes") == "orders:read orders:write"
    assert api.last.header("Authorization") is None
    assert key.secret not in json.dumps(api.last.headers)


def test_takes_the_key_from_the_other_header_too(
    house: House, client: httpx.Client, api: Upstream
) -> None:
    key = house.key()

    response = client.get("/orders/7", headers={"X-API-Key": key.secret})

    assert response.status_code == 200
    assert api.last.header("X-API-Key") is None
    assert key.secret not in json.dumps(api.last.headers)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_hands_on_method_and_body(
    method: str, house: House, client: httpx.Client, api: Upstream
) -> None:
    body = b"x" * 200_000

    response = client.request(method, "/orders", headers=house.key().headers, content=body)

    assert response.status_code == 200
    assert (api.last.method, api.last.body_size) == (method, len(body))


@pytest.mark.parametrize("status", [204, 401, 403, 404, 429, 500, 503])
def test_leaves_the_answers_of_the_api_alone(
    status: int, house: House, client: httpx.Client
) -> None:
    response = client.get(f"/status/{status}", headers=house.key().headers)

    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"


def test_tells_the_client_its_limits(house: House, client: httpx.Client) -> None:
    slowly = {"rate_limit": 1, "rate_per_seconds": 3600, "rate_burst": 20}
    key = house.key(**slowly, quota_limit=1000, quota_period="month")

    first, second = (client.get("/", headers=key.headers) for _ in range(2))

    assert first.headers["RateLimit-Policy"].startswith('"burst";q=20;w=72000, "month";q=1000;w=')
    assert first.headers["RateLimit"].startswith('"burst";r=19;t=3600, "month";r=999;t=')
    assert first.headers["X-RateLimit-Limit"] == "20"
    assert first.headers["X-RateLimit-Remaining"] == "19"
    assert second.headers["X-RateLimit-Remaining"] == "18"
    assert int(second.headers["X-RateLimit-Reset"]) >= 1


def test_refuses_a_call_without_a_key(client: httpx.Client, api: Upstream) -> None:
    response = client.get("/orders/7")

    require_problem(response, 401, "key_missing")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert not api.calls


def test_refuses_a_bad_checksum_without_a_look_up(
    house: House, client: httpx.Client, gate: Gate, api: Upstream
) -> None:
    secret = house.key().secret
    spoiled = secret[:-1] + ("0" if secret[-1] != "0" else "1")
    before = gate.metrics()

    response = client.get("/orders/7", headers={"X-API-Key": spoiled})

    require_problem(response, 401, "key_not_found")
    assert gate.metrics()["tollgate_gate_lookups_total"] == before["tollgate_gate_lookups_total"]
    assert not api.calls


def test_refuses_an_unknown_key_after_one_look_up(
    client: httpx.Client, gate: Gate, api: Upstream
) -> None:
    stranger_secret = mint_key(EnvironmentName.LIVE).text
    before, began = gate.metrics(), time.monotonic()

    answers = [client.get("/", headers={"X-API-Key": stranger_secret}) for _ in range(3)]
    took = time.monotonic() - began

    for response in answers:
        require_problem(response, 401, "key_not_found")
        challenge = response.headers["WWW-Authenticate"]
        assert challenge == 'Bearer realm="api", error="invalid_token"'
    lookups = gate.metrics()["tollgate_gate_lookups_total"] - before["tollgate_gate_lookups_total"]
    assert 1 <= lookups <= 1 + took // 2  # strangers are remembered for two seconds
    assert not api.calls


def test_refuses_what_has_ended(house: House, client: httpx.Client, api: Upstream) -> None:
    now = timezone.now()
    expired, revoked, disabled = house.key(), house.key(), house.key(enabled=False)
    ApiKey.objects.filter(pk=expired.row.pk).update(expires_at=now - timedelta(seconds=1))
    keys.revoke_key(key=revoked.row, at=now)

    answers = [client.get("/", headers=key.headers) for key in (expired, revoked, disabled)]

    require_problem(answers[0], 401, "key_expired")
    require_problem(answers[1], 401, "key_revoked")
    require_problem(answers[2], 401, "key_disabled")
    assert not api.calls


def test_refuses_when_the_bucket_is_empty(
    house: House, client: httpx.Client, api: Upstream, elapse: Elapse
) -> None:
    key = house.key(rate_limit=1, rate_per_seconds=60, rate_burst=2)

    statuses = [client.get("/", headers=key.headers).status_code for _ in range(2)]
    refused = client.get("/", headers=key.headers)
    wait = int(refused.headers["Retry-After"])
    elapse(key, wait // 2)
    too_early = client.get("/", headers=key.headers)
    elapse(key, wait - wait // 2)
    again = client.get("/", headers=key.headers)

    assert statuses == [200, 200]
    problem = require_problem(refused, 429, "rate_limited")
    assert problem["violated_policies"] == ["burst"]
    assert refused.headers["RateLimit"] == f'"burst";r=0;t={wait}'
    assert refused.headers["RateLimit-Policy"] == '"burst";q=2;w=120'
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert (too_early.status_code, again.status_code) == (429, 200)
    assert len(api.calls) == 3


def test_refuses_when_the_quota_is_used_up(
    house: House, client: httpx.Client, api: Upstream
) -> None:
    within_one("day")
    key = house.key(quota_limit=2, quota_period="day")

    statuses = [client.get("/", headers=key.headers).status_code for _ in range(3)]
    refused = client.get("/", headers=key.headers)

    assert statuses == [200, 200, 429]
    problem = require_problem(refused, 429, "quota_exceeded")
    assert problem["violated_policies"] == ["day"]
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400
    assert '"day";r=0;t=' in refused.headers["RateLimit"]
    assert len(api.calls) == 2


def test_refuses_when_the_credits_are_spent(
    house: House, client: httpx.Client, api: Upstream
) -> None:
    key = house.key(credits_micro=2_000_000, credits_refill="none")

    answers = [client.get("/", headers=key.headers) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 402]
    assert [call.header("X-Credits-Remaining") for call in api.calls] == ["1", "0"]
    require_problem(answers[2], 402, "insufficient_credits")


def test_a_refusal_names_the_path(client: httpx.Client) -> None:
    response = client.get("/orders/7?secret=yes")

    problem = require_problem(response, 401, "key_missing")
    assert problem["instance"] == "/orders/7"


def test_says_so_when_the_gate_is_away(
    house: House, client: httpx.Client, gate: Gate, api: Upstream
) -> None:
    key = house.key()
    client.get("/", headers=key.headers)

    gate.kill()
    try:
        refused = client.get("/orders/7?a=1", headers=key.headers)
    finally:
        gate.start()
    again = client.get("/", headers=key.headers)

    require_problem(refused, 503, "service_unavailable")
    assert refused.headers["Retry-After"] == "5"
    assert again.status_code == 200
    assert len(api.calls) == 2


def test_says_so_when_the_api_is_away(house: House, before: Before) -> None:
    proxy = before(free_port())

    _require_no_answer(proxy, house.key(), ApiUnreachable)


def test_says_so_when_the_api_does_not_answer(house: House, before: Before, silent: int) -> None:
    proxy = before(silent)

    _require_no_answer(proxy, house.key(), ApiTooSlow)


def _require_no_answer(proxy: Proxy, key: Issued, error: type[DomainError]) -> None:
    for method in ("GET", "POST"):
        answer = httpx.request(method, f"{proxy.url}/orders/7?a=1", headers=key.headers, timeout=60)
        problem = require_problem(answer, error.status, error.code)
        assert problem["title"] == error.title
        assert answer.headers["Cache-Control"] == "no-store"


def test_counts_what_a_load_generator_sees(
    house: House, proxy: Proxy, gate: Gate, api: Upstream, usage: Usage
) -> None:
    load = under_load(house, proxy, gate, api, usage)

    # Nobody hears of what was on its way when the generator hung up.
    assert load.broken == 0
    assert 0 <= len(load.arrived) - load.passed <= CONNECTIONS
    assert load.arrived <= load.granted.keys()
    assert len(load.granted) - len(load.arrived) <= CONNECTIONS
    # By the clock of the bucket itself, who passed found room for a call (the stream tells milliseconds) ...
    at_grant, at_refusal = rooms(
        [*load.granted.values()], [*load.refused.values()], rate=load.rate, burst=load.burst
    )
    assert min(at_grant) >= 1 - load.rate * 0.002
    # ... and who was refused found none; refusals are dated when they are answered, a moment after the decision.
    assert min(at_refusal[len(at_refusal) // 2 :]) < 5
