"""Forward authorization as a proxy sees it."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys import secrets
from apikeys.models import Api, ApiKey
from apikeys.restrictions import EnvironmentName
from apikeys.services import keys
from organizations.models import Organization
from tests.gate.asking import authorize, send
from tests.patience import at_most, until, within_one

PROBLEMS = "https://tollgate.test/problems/"


def test_call_passes_with_identity_and_numbers_and_no_body(house, gate):
    key = house.key(rate_limit=10, rate_per_seconds=1, rate_burst=20)

    answer = authorize(gate, key.secret)

    assert answer.status == 204
    assert answer.body == b""
    assert "content-length" not in answer.headers
    shown = {
        name: value for name, value in answer.headers.items() if name.startswith(("x-", "rate"))
    }
    assert shown.pop("x-request-id")
    assert shown == {
        "x-org-id": str(house.organization.pk),
        "x-key-id": str(key.row.pk),
        "x-plan": "ENTERPRISE",
        "x-scopes": "orders:read",
        "ratelimit-policy": '"burst";q=20;w=2',
        "ratelimit": '"burst";r=19;t=1',
        "x-ratelimit-limit": "20",
        "x-ratelimit-remaining": "19",
        "x-ratelimit-reset": "1",
    }


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_key_is_read_from_either_header(house, gate, header):
    secret = house.key().secret
    value = f"bearer {secret}" if header == "Authorization" else secret

    assert send(gate, "GET", "/gateway/authorize", {header: value}).status == 204


def test_two_different_keys_are_refused(house, gate):
    first, second = house.key().secret, house.key().secret

    answer = authorize(gate, first, Authorization=f"Bearer {second}")

    assert answer.status == 400
    assert answer.json["code"] == "keys_contradict"
    assert authorize(gate, first, Authorization=f"Bearer {first}").status == 204


def test_no_key_is_a_problem_with_a_challenge(gate):
    answer = authorize(gate, uri="/orders/7?secret=1")

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="api"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json == {
        "type": f"{PROBLEMS}key_missing",
        "title": "An API key is needed",
        "status": 401,
        "detail": "The call carries no API key.",
        "instance": "/orders/7",
        "code": "key_missing",
        "request_id": answer.headers["x-request-id"],
        "errors": [],
    }


def _malformed() -> str:
    text = secrets.mint_key(EnvironmentName.LIVE).text
    return text[:-1] + ("0" if text[-1] != "0" else "1")


@pytest.mark.parametrize(
    "secret",
    [_malformed(), secrets.mint_key(EnvironmentName.LIVE).text, "x", "tg_live_é", "tgs_"],
    ids=["bad checksum", "well-formed", "short", "not ASCII", "service prefix"],
)
def test_unknown_keys_are_refused(gate, secret):
    answer = send(
        gate, "GET", "/gateway/authorize", {"X-API-Key": secret.encode("utf-8").decode("latin-1")}
    )

    assert answer.status == 401
    assert answer.json["code"] == "key_not_found"
    assert answer.headers["www-authenticate"] == 'Bearer realm="api", error="invalid_token"'


def test_service_key_opens_no_api(house, gate, service_key):
    assert authorize(gate, service_key).json["code"] == "key_not_found"


def test_revoked_disabled_and_expired_keys_are_refused(house, gate):
    revoked, disabled, expired = house.key(), house.key(enabled=False), house.key()
    keys.revoke_key(key=revoked.row, at=timezone.now())
    ApiKey.objects.filter(pk=expired.row.pk).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )

    answers = [authorize(gate, key.secret) for key in (revoked, disabled, expired)]

    assert [(a.status, a.json["code"]) for a in answers] == [
        (401, "key_revoked"),
        (401, "key_disabled"),
        (401, "key_expired"),
    ]


# How long something lives whose end is awaited: longer where the machine stood still before it was looked at.
LIVES = (1, 5, 25)


def test_key_expires_while_it_is_in_memory(house, gate):
    lives = iter(LIVES)
    while True:
        key = house.key(expires_at=timezone.now() + timedelta(seconds=next(lives)))
        if authorize(gate, key.secret).status == 204:
            break

    until(lambda: authorize(gate, key.secret).status != 204)
    assert authorize(gate, key.secret).json["code"] == "key_expired"


def test_rotated_secret_passes_until_the_overlap_ends(house, gate):
    lives = iter(LIVES)
    while True:
        old, now = house.key(), timezone.now()
        assert authorize(gate, old.secret).status == 204
        _, new_secret = keys.rotate_key(key=old.row, overlap_seconds=next(lives), at=now)
        if [authorize(gate, secret).status for secret in (new_secret, old.secret)] == [204, 204]:
            break

    until(lambda: authorize(gate, old.secret).status != 204)
    assert authorize(gate, old.secret).json["code"] == "key_expired"
    assert authorize(gate, new_secret).status == 204


def test_suspended_organization_is_refused(house, gate):
    other = house.another("stan")
    key = other.key()
    Organization.objects.filter(pk=other.organization.pk).update(status="SUSPENDED")

    answer = authorize(gate, key.secret)

    assert (answer.status, answer.json["code"]) == (403, "suspended")


def test_address_must_be_on_the_list(house, gate):
    key = house.key(ip_allowlist=["192.0.2.0/28", "2001:db8::/32"])

    allowed = [
        authorize(gate, key.secret, X_Forwarded_For=ip).status
        for ip in ("192.0.2.9", "2001:db8::7", "::ffff:192.0.2.1")
    ]
    refused = authorize(gate, key.secret, X_Forwarded_For="192.0.2.99")

    assert allowed == [204, 204, 204]
    assert (refused.status, refused.json["code"]) == (403, "forbidden_ip")


def test_address_is_the_first_one_that_is_no_proxy_of_ours(house, gate):
    key = house.key(ip_allowlist=["192.0.2.9"])

    assert (
        authorize(gate, key.secret, X_Forwarded_For="198.51.100.1, 192.0.2.9, 127.0.0.9").status
        == 204
    )
    assert authorize(gate, key.secret, X_Forwarded_For="192.0.2.9, 198.51.100.1").status == 403
    assert authorize(gate, key.secret, X_Forwarded_For="192.0.2.9, nonsense").status == 403


def test_origin_must_be_on_the_list(house, gate):
    key = house.key(allowed_origins=["https://*.example.com"])

    assert authorize(gate, key.secret, Origin="https://app.example.com").status == 204
    for origin in ("https://example.com", "null", "https://app.example.com.evil.test"):
        answer = authorize(gate, key.secret, Origin=origin)
        assert (answer.status, answer.json["code"]) == (403, "forbidden_origin")
    assert authorize(gate, key.secret).status == 403


def test_scope_of_the_rule_is_required(house, gate):
    reader, admin = house.key(), house.key(scopes=["admin:*"])

    assert authorize(gate, reader.secret, "/orders/7").status == 204
    assert authorize(gate, admin.secret, "/admin/7").status == 204
    for secret, uri in (
        (admin.secret, "/orders/7"),
        (reader.secret, "/admin/7"),
        (reader.secret, "//admin/7"),
        (reader.secret, "/x/../admin/7"),
        (reader.secret, "/%61dmin/7"),
    ):
        answer = authorize(gate, secret, uri)
        assert (answer.status, answer.json["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize("uri", ["/admin%2F7", "/ADMIN/7", "/admin;x/7", "/%2561dmin/7"])
def test_ambiguous_paths_are_refused(house, gate, uri):
    answer = authorize(gate, house.key().secret, uri)

    assert (answer.status, answer.json["code"]) == (400, "path_ambiguous")


def test_method_decides_about_the_rule(house, gate):
    key = house.key(scopes=[])

    assert authorize(gate, key.secret, "/orders/7", "GET").status == 403
    assert authorize(gate, key.secret, "/orders/7", "HEAD").status == 403
    assert authorize(gate, key.secret, "/orders/7", "POST").status == 204


def test_api_may_deny_what_no_rule_describes(house, gate):
    key = house.key()
    Api.objects.filter(pk=house.api.pk).update(unknown_route_policy="deny")
    try:
        with at_most(2):
            until(lambda: authorize(gate, key.secret, "/free").status == 403)
        assert authorize(gate, key.secret, "/free").json["code"] == "route_denied"
        assert authorize(gate, key.secret, "/orders/7").status == 204
    finally:
        Api.objects.filter(pk=house.api.pk).update(unknown_route_policy="allow")
        with at_most(2):
            until(lambda: authorize(gate, key.secret, "/free").status == 204)


def test_unknown_api_and_parameters_are_errors(house, gate):
    secret = house.key().secret

    assert authorize(gate, secret, query="?api=demo").status == 204
    for query, pointer in (
        ("?api=other", "#/api"),
        ("?mode=apache", "#/mode"),
        ("?mode=nginx&mode=nginx", "#/mode"),
        ("?apii=demo", "#/apii"),
    ):
        answer = authorize(gate, secret, query=query)
        assert (answer.status, answer.json["errors"][0]["pointer"]) == (400, pointer)
        assert answer.json["errors"][0]["location"] == "query"


def test_empty_bucket_is_refused_with_numbers(house, gate):
    key = house.key(rate_limit=1, rate_per_seconds=60, rate_burst=2)
    assert [authorize(gate, key.secret).status for _ in range(2)] == [204, 204]

    answer = authorize(gate, key.secret)

    assert (answer.status, answer.json["code"]) == (429, "rate_limited")
    assert answer.json["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert answer.json["violated_policies"] == ["burst"]
    assert answer.headers["ratelimit-policy"] == '"burst";q=2;w=120'
    wait = int(answer.headers["retry-after"])
    assert 30 <= wait <= 60
    assert answer.headers["ratelimit"] == f'"burst";r=0;t={wait}'
    assert answer.headers["x-ratelimit-remaining"] == "0"


def test_retry_after_is_long_enough(house, gate):
    key = house.key(rate_limit=1, rate_per_seconds=1, rate_burst=1)
    while (refused := authorize(gate, key.secret)).status == 204:
        pass

    time.sleep(int(refused.headers["retry-after"]))

    assert authorize(gate, key.secret).status == 204


def test_route_with_a_rate_of_its_own(house, gate):
    key = house.key()

    statuses = [authorize(gate, key.secret, "/slow/x").status for _ in range(3)]
    refused = authorize(gate, key.secret, "/slow/x")

    assert statuses == [204, 204, 429]
    assert refused.json["violated_policies"] == ["route"]
    assert authorize(gate, key.secret, "/free").status == 204


def test_default_rule_with_a_rate_of_its_own(house, gate):
    names = ("default_rate_limit", "default_rate_per_seconds", "default_rate_burst")
    api, first, key = Api.objects.filter(pk=house.api.pk), house.key(), house.key()

    def is_limited():
        return '"route";q=2;' in authorize(gate, first.secret, "/free").headers["ratelimit-policy"]

    api.update(**dict(zip(names, (1, 3600, 2), strict=True)))
    try:
        with at_most(2):
            until(is_limited)
        statuses = [authorize(gate, key.secret, "/free").status for _ in range(2)]
        refused = authorize(gate, key.secret, "/elsewhere")

        assert (statuses, refused.status) == ([204, 204], 429)
        assert refused.json["violated_policies"] == ["route"]
        assert authorize(gate, key.secret, "/orders/7").status == 204
    finally:
        api.update(**dict.fromkeys(names))
        with at_most(2):
            until(lambda: not is_limited())


def test_quota_counts_units_and_is_refused_when_it_is_used_up(house, gate):
    within_one("day")
    key = house.key(quota_limit=12, quota_period="day")

    answers = [authorize(gate, key.secret, "/dear/x") for _ in range(3)]

    assert [answer.status for answer in answers] == [204, 204, 429]
    assert answers[2].json["code"] == "quota_exceeded"
    assert answers[2].json["type"].endswith("#quota-exceeded")
    assert answers[2].json["violated_policies"] == ["day"]
    assert '"day";q=12;w=86400' in answers[2].headers["ratelimit-policy"]
    assert '"day";r=2;t=' in answers[2].headers["ratelimit"]
    assert 0 < int(answers[2].headers["retry-after"]) <= 86_400
    assert authorize(gate, key.secret, "/free").status == 204


def test_organization_shares_a_quota(house, gate):
    other = house.another("sara")
    Organization.objects.filter(pk=other.organization.pk).update(quota_limit=3)
    first, second = other.key(), other.key()

    statuses = [authorize(gate, key.secret).status for key in (first, second, first, second)]

    assert statuses == [204, 204, 204, 429]


def test_organization_override_wins_over_the_keys_rate(house, gate):
    other = house.another("sven")
    Organization.objects.filter(pk=other.organization.pk).update(
        rate_limit=1, rate_per_seconds=60, rate_burst=1
    )
    key = other.key()

    assert [authorize(gate, key.secret).status for _ in range(2)] == [204, 429]


def test_credits_are_spent_and_refused(house, gate):
    key = house.key(credits_micro=7_500_000, credits_refill="none")

    passed = authorize(gate, key.secret, "/dear/x")
    refused = authorize(gate, key.secret, "/dear/x")

    assert (passed.status, passed.headers["x-credits-remaining"]) == (204, "2.5")
    assert refused.status == 402
    assert refused.json["code"] == "insufficient_credits"
    assert refused.json["balance"] == "2.5"
    assert refused.json["required"] == "5"
    assert refused.json["top_up_url"] == f"https://tollgate.test/keys/{key.row.pk}/"
    assert authorize(gate, key.secret).headers["x-credits-remaining"] == "1.5"
