"""`POST /api/v1/keys/verify` as a seller's backend uses it."""

from datetime import timedelta

import orjson
import pytest
from django.utils import timezone

from apikeys import secrets
from apikeys.models import ApiKey, ServiceKey
from apikeys.restrictions import EnvironmentName
from apikeys.services import keys, service_keys
from tests.gate.asking import Answer, send
from tests.patience import at_most, until

PATH = "/api/v1/keys/verify"


@pytest.fixture
def verify(gate, service_key):
    """Ask with the service key."""

    def ask(body, service: str = service_key, **headers: str) -> Answer:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        settled = {
            "Authorization": f"Bearer {service}",
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return send(gate, "POST", PATH, settled, raw)

    return ask


def test_good_key_is_described(house, verify):
    key = house.key(
        rate_limit=10, rate_per_seconds=1, rate_burst=20, metadata={"tier": [1, {"ü": None}]},
        external_id="customer-7", expires_at=timezone.now() + timedelta(days=1),
        credits_micro=9_000_000, quota_limit=100, quota_period="day",
    )  # fmt: skip
    key.row.refresh_from_db()

    answer = verify({"key": key.secret})

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    limits = answer.json.pop("limits")
    document = answer.json
    request_id = document.pop("request_id")
    assert request_id == answer.headers["x-request-id"]
    limits = document.pop("limits")
    assert document == {
        "valid": True,
        "code": "VALID",
        "key_id": key.row.pk,
        "organization_id": house.organization.pk,
        "name": "A key",
        "environment": "live",
        "external_id": "customer-7",
        "metadata": {"tier": [1, {"ü": None}]},
        "scopes": ["orders:read"],
        "expires_at": key.row.expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "plan": "ENTERPRISE",
        "credits": {"limit": "9", "remaining": "8"},
    }
    burst, day = limits
    assert burst == {
        "name": "burst",
        "limit": 20,
        "window_seconds": 2,
        "remaining": 19,
        "reset_seconds": 1,
    }
    assert (day["name"], day["limit"], day["window_seconds"], day["remaining"]) == (
        "day",
        100,
        86_400,
        99,
    )


def test_unknown_key_is_a_verdict_and_no_error(verify):
    answer = verify({"key": secrets.mint_key(EnvironmentName.LIVE).text})

    assert answer.status == 200
    document = answer.json
    assert document.pop("request_id")
    assert document == {
        "valid": False, "code": "NOT_FOUND", "detail": "The API key is not known.", "key_id": None,
        "organization_id": None, "name": None, "environment": None, "external_id": None,
        "metadata": None, "scopes": None, "expires_at": None, "plan": None, "limits": [],
        "credits": None,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "x", "tg_live_" + "0" * 38, "é" * 20, "\x7f"])
def test_malformed_keys_are_not_found(verify, text):
    assert verify({"key": text}).json["code"] == "NOT_FOUND"


def test_service_key_is_no_customers_key(verify, service_key):
    assert verify({"key": service_key}).json["code"] == "NOT_FOUND"


def test_each_state_has_its_code(house, verify):
    revoked, disabled, expired = house.key(), house.key(enabled=False), house.key()
    keys.revoke_key(key=revoked.row, at=timezone.now())
    ApiKey.objects.filter(pk=expired.row.pk).update(expires_at=timezone.now())

    codes = [verify({"key": key.secret}).json["code"] for key in (revoked, disabled, expired)]

    assert codes == ["REVOKED", "DISABLED", "EXPIRED"]


def test_address_and_origin_are_those_of_the_body(house, verify):
    key = house.key(ip_allowlist=["192.0.2.9"], allowed_origins=["https://a.example.com"]).secret
    origin = {"origin": "https://a.example.com"}

    assert verify({"key": key, "ip": "::ffff:192.0.2.9", **origin}).json["code"] == "VALID"
    assert verify({"key": key, "ip": "192.0.2.8", **origin}).json["code"] == "FORBIDDEN_IP"
    assert verify({"key": key, **origin}).json["code"] == "FORBIDDEN_IP"
    assert verify({"key": key, "ip": "192.0.2.9"}).json["code"] == "FORBIDDEN_ORIGIN"


def test_scopes_are_an_expression(house, verify):
    key = house.key(scopes=["orders:read", "bills:*"]).secret

    met = verify({"key": key, "scopes": "orders:read AND (bills:pay OR admin)"})
    unmet = verify({"key": key, "scopes": "orders:read AND admin"})

    assert (met.json["code"], unmet.json["code"]) == ("VALID", "INSUFFICIENT_SCOPE")
    assert unmet.json["key_id"] is not None


def test_resource_narrows_the_scopes(house, verify):
    key = house.key(scopes=["documents:read:7"]).secret
    asked = {"key": key, "scopes": "documents:read"}

    assert verify({**asked, "resource": "7"}).json["code"] == "VALID"
    assert verify({**asked, "resource": "8"}).json["code"] == "INSUFFICIENT_SCOPE"
    assert verify(asked).json["code"] == "INSUFFICIENT_SCOPE"


def test_route_rules_apply_when_a_route_is_named(house, verify):
    key = house.key(quota_limit=100, quota_period="day").secret

    dear = verify({"key": key, "method": "get", "path": "/dear/x?y=1", "api": "demo"}).json
    plain = verify({"key": key}).json
    refused = verify({"key": key, "method": "GET", "path": "/admin/x"}).json

    assert dear["limits"][1]["remaining"] == 95
    assert plain["limits"][1]["remaining"] == 94
    assert refused["code"] == "INSUFFICIENT_SCOPE"


def test_cost_overrides_the_routes(house, verify):
    key = house.key(quota_limit=100, quota_period="day").secret

    remaining = [
        verify({"key": key, "cost": cost, "path": "/dear/x"}).json["limits"][1]["remaining"]
        for cost in (10, 0, 89)
    ]
    refused = verify({"key": key, "cost": 2}).json

    assert remaining == [90, 90, 1]
    assert (refused["code"], refused["limits"][1]["remaining"]) == ("QUOTA_EXCEEDED", 1)
    assert refused["violated_policies"] == ["day"]
    assert refused["retry_after_seconds"] > 0


def test_refusals_by_rate_and_credits(house, verify):
    slow = house.key(rate_limit=1, rate_per_seconds=60, rate_burst=1).secret
    poor = house.key(credits_micro=500_000).secret
    verify({"key": slow})

    limited, broke = verify({"key": slow}).json, verify({"key": poor}).json

    assert limited["code"] == "RATE_LIMITED"
    assert 30 <= limited["retry_after_seconds"] <= 60
    assert (broke["code"], broke["credits"]) == (
        "INSUFFICIENT_CREDITS",
        {"limit": "0.5", "remaining": "0.5"},
    )


def test_event_is_written_with_tags(house, verify, redis_client, usage_events):
    key = house.key()

    answer = verify(
        {
            "key": key.secret,
            "tags": ["tier=gold", "ü"],
            "ip": "192.0.2.9",
            "method": "GET",
            "path": "/free/x?secret=1",
            "cost": 3,
        }
    )

    (event,) = [each for each in usage_events() if each[2] == key.row.pk]
    assert event == [
        answer.json["request_id"], house.organization.pk, key.row.pk, house.api.pk, 0, "GET", "/free/x",
        "VALID", 3, "192.0.2.9", "", ["tier=gold", "ü"], "live", 0,
    ]  # fmt: skip


def test_request_id_is_echoed_but_never_metered(house, verify, usage_events):
    answer = verify({"key": house.key().secret}, X_Request_Id="caller-0123456789")

    assert answer.headers["x-request-id"] == "caller-0123456789"
    assert answer.json["request_id"] != "caller-0123456789"
    assert answer.json["request_id"] in {each[0] for each in usage_events()}


def test_service_key_is_needed(house, gate, verify):
    secret = house.key().secret
    wrong_scope = service_keys.create_service_key(
        name=f"w{timezone.now()}", scopes=["usage:write"], by=None, at=timezone.now()
    )[1]
    elsewhere = service_keys.create_service_key(
        name=f"e{timezone.now()}",
        scopes=["keys:*"],
        by=None,
        at=timezone.now(),
        ip_allowlist=["203.0.113.7"],
    )[1]

    missing = send(gate, "POST", PATH, {"Content-Type": "application/json"}, b"{}")
    answers = [
        verify({"key": secret}, service=one) for one in (secret, "tgs_x", wrong_scope, elsewhere)
    ]

    assert (missing.status, missing.json["code"]) == (401, "key_missing")
    assert [(a.status, a.json["code"]) for a in answers] == [
        (401, "key_not_found"),
        (401, "key_not_found"),
        (403, "insufficient_scope"),
        (403, "forbidden_ip"),
    ]


def test_revoked_service_key_is_refused_within_two_seconds(house, gate, verify):
    row, secret = service_keys.create_service_key(
        name=f"r{timezone.now()}", scopes=["*"], by=None, at=timezone.now()
    )
    key = house.key().secret
    assert verify({"key": key}, service=secret).status == 200

    service_keys.revoke_service_key(key=row, by=None, at=timezone.now())

    with at_most(2):
        until(lambda: verify({"key": key}, service=secret).status == 401)


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "#/key", "required"),
        ({"key": None}, "#/key", "wrong_type"),
        ({"key": 7}, "#/key", "wrong_type"),
        ({"key": "x" * 201}, "#/key", "too_long"),
        ({"key": "a\x00b"}, "#/key", "nul_character"),
        ({"key": "x", "scope": "a"}, "#/scope", "unknown_member"),
        ({"key": "x", "a/b~c": 1}, "#/a~1b~0c", "unknown_member"),
        ({"key": "x", "scopes": "a b"}, "#/scopes", "syntax"),
        ({"key": "x", "scopes": ["a"]}, "#/scopes", "wrong_type"),
        ({"key": "x", "cost": -1}, "#/cost", "out_of_range"),
        ({"key": "x", "cost": 1.5}, "#/cost", "wrong_type"),
        ({"key": "x", "cost": True}, "#/cost", "wrong_type"),
        ({"key": "x", "cost": "1"}, "#/cost", "wrong_type"),
        ({"key": "x", "cost": 2**62}, "#/cost", "out_of_range"),
        ({"key": "x", "tags": "a"}, "#/tags", "wrong_type"),
        ({"key": "x", "tags": [1]}, "#/tags", "wrong_type"),
        ({"key": "x", "tags": [[[[["a"]]]]]}, "#/tags", "wrong_type"),
        ({"key": "x", "tags": ["a"] * 21}, "#/tags", "too_long"),
        ({"key": "x", "ip": "nowhere"}, "#/ip", "invalid"),
        ({"key": "x", "method": "G T"}, "#/method", "invalid"),
        ({"key": "x", "resource": {}}, "#/resource", "wrong_type"),
        ({"key": "x", "api": "nobody"}, "#/api", "unknown_api"),
    ],
)
def test_wrong_bodies_are_named(verify, body, pointer, code):
    answer = verify(body)

    assert answer.status == 400
    assert answer.json["code"] == "invalid_input"
    error = answer.json["errors"][0]
    assert (error["pointer"], error["code"], error["location"]) == (pointer, code, "body")


def test_a_member_that_is_there_twice_is_refused(verify):
    answer = verify(b'{"key": "x", "cost": 1, "cost": 0}')

    assert answer.status == 400
    error = answer.json["errors"][0]
    assert (error["pointer"], error["code"], error["location"]) == ("#/cost", "repeated", "body")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b'"x"',
        b"\xff",
        b'{"key": "\\ud800"}',
        b"[" * 10_000,
        b'{"key": NaN}',
        b'{"a":' * 3000,
    ],
)
def test_hostile_bodies_are_malformed(verify, body):
    answer = verify(body)

    assert (answer.status, answer.json["code"]) == (400, "malformed_request")


def test_several_errors_are_named_together(verify):
    answer = verify({"kay": "x", "cost": "1"})

    assert [error["pointer"] for error in answer.json["errors"]] == ["#/kay", "#/cost", "#/key"]


def test_ambiguous_path_is_refused(house, verify):
    answer = verify({"key": house.key().secret, "path": "/admin%2Fx"})

    assert (answer.status, answer.json["code"]) == (400, "path_ambiguous")


def test_json_only(verify):
    answer = verify({"key": "x"}, Content_Type="application/x-www-form-urlencoded")

    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    assert verify({"key": "x"}, Content_Type="Application/JSON; charset=utf-8").status == 200


def test_post_only(gate):
    answer = send(gate, "GET", PATH)

    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_query_parameters_are_refused(gate):
    assert send(gate, "POST", f"{PATH}?mode=nginx").json["code"] == "invalid_input"


def test_large_bodies_are_refused(verify):
    answer = verify(b'{"key": "' + b"x" * 17_000 + b'"}')

    assert (answer.status, answer.json["code"]) == (413, "payload_too_large")


def test_use_of_a_service_key_is_written_down(house, start_gate, service_key):
    own = start_gate()
    headers = {"Authorization": f"Bearer {service_key}", "Content-Type": "application/json"}
    send(own, "POST", PATH, headers, orjson.dumps({"key": house.key().secret}))

    own.stop()

    assert ServiceKey.objects.filter(last_used_at__isnull=False).exists()
