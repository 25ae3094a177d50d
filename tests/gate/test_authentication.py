"""API keys inside Django REST framework: who calls, what the key may see, and what its limits are."""

from datetime import timedelta

import pytest
from django.urls import path
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from apikeys.authentication import ApiKeyAuthentication
from apikeys.gateway import blocking
from apikeys.models import ApiKey
from apikeys.services import keys, service_keys
from apikeys.throttles import ApiKeyThrottle
from config.common import context


class Whoami(APIView):
    """Shows who calls."""

    authentication_classes = (ApiKeyAuthentication,)
    throttle_classes = (ApiKeyThrottle,)
    key_cost = 0

    def get(self, request: Request) -> Response:
        tenant = request.auth.tenant()
        return Response(
            {
                "user": str(request.user),
                "organization": tenant.organization.pk,
                "permissions": sorted(tenant.permissions),
                "actor": context.current().actor.type,
            }
        )


class Dear(Whoami):
    """Costs three units."""

    key_cost = 3


urlpatterns = [path("whoami", Whoami.as_view()), path("dear", Dear.as_view())]


@pytest.fixture(autouse=True)
def _own_urls(settings, db):
    settings.ROOT_URLCONF = __name__
    blocking.known_records.cache_clear()
    # Ids come again when the database is copied anew.
    blocking._local.cache_clear()


@pytest.fixture
def issue(organization, olivia):
    """Issue a key."""

    def create(**changes):
        chosen = {
            "name": "A key", "environment": "live", "scopes": [], "rate_limit": 1000,
            "rate_per_seconds": 1, "rate_burst": 1000, **changes,
        }  # fmt: skip
        return keys.create_key(
            organization=organization,
            created_by=olivia,
            settings=chosen,  # type: ignore[arg-type]
            at=timezone.now(),
        )

    return create


def _get(secret, path="/whoami", **headers):
    return APIClient().get(path, headers={"X-API-Key": secret, **headers})


def test_key_acts_for_its_organization_and_for_nobody(organization, issue):
    key, secret = issue(scopes=["tollgate:usage:read", "tollgate:keys:*"])

    answer = _get(secret)

    assert answer.status_code == 200
    assert answer.data == {
        "user": f"API key {key.pk}",
        "organization": organization.pk,
        "permissions": ["keys:read", "usage:read"],
        "actor": "api_key",
    }
    bearer = APIClient().get("/whoami", headers={"Authorization": f"Bearer {secret}"})
    assert bearer.data == answer.data


def test_scopes_of_the_sellers_api_open_nothing_here(issue):
    _, secret = issue(scopes=["*", "usage:read", "keys:write"])

    assert _get(secret).data["permissions"] == []


def test_keys_never_write_keys(issue):
    _, secret = issue(scopes=["tollgate:*"])

    permissions = _get(secret).data["permissions"]

    assert "keys:read" in permissions
    assert not {"keys:write", "members:write", "organization:close"} & set(permissions)


def test_refusals_are_the_gates(issue, db):
    revoked, revoked_secret = issue()
    keys.revoke_key(key=revoked, at=timezone.now())
    _, fenced = issue(ip_allowlist=["203.0.113.7"])
    _, service = service_keys.create_service_key(name="s", scopes=["*"], by=None, at=timezone.now())

    answers = [_get(secret) for secret in (revoked_secret, fenced, service, "tg_live_x", "x")]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [
        (401, "key_revoked"),
        (403, "forbidden_ip"),
        (401, "key_not_found"),
        (401, "key_not_found"),
        (401, "key_not_found"),
    ]
    assert answers[0].headers["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


def test_other_bearer_tokens_are_left_to_others(issue):
    assert APIClient().get("/whoami", headers={"Authorization": "Bearer a.b.c"}).status_code == 401


def test_key_expires_while_it_is_in_memory(issue):
    key, secret = issue(expires_at=timezone.now() + timedelta(seconds=60))
    assert _get(secret).status_code == 200

    record = blocking.known_records()._known[secret]
    record.expires_ms = int(timezone.now().timestamp() * 1000) - 1

    assert _get(secret).json()["code"] == "key_expired"


def test_change_is_seen_by_the_first_look_at_versions(issue):
    key, secret = issue()
    assert _get(secret).status_code == 200
    ApiKey.objects.filter(pk=key.pk).update(disabled_at=timezone.now())

    blocking.known_records()._compared_at = 0.0

    assert _get(secret).json()["code"] == "key_disabled"


def test_rate_is_kept_by_the_script(issue):
    _, secret = issue(rate_limit=1, rate_per_seconds=60, rate_burst=2)

    answers = [_get(secret) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "rate_limited"
    assert answers[2].json()["violated_policies"] == ["burst"]
    wait = int(answers[2].headers["Retry-After"])
    assert 30 <= wait <= 60
    assert answers[2].headers["RateLimit"].startswith(f'"burst";r=0;t={wait}, "month";r=')
    assert answers[2].headers["X-RateLimit-Limit"] == "2"


def test_own_views_cost_nothing_and_are_not_metered(issue, usage_events):
    _, secret = issue(quota_limit=1, quota_period="day")

    assert [_get(secret).status_code for _ in range(3)] == [200, 200, 200]
    assert usage_events() == []


def test_sold_views_are_metered(organization, issue, usage_events):
    key, secret = issue(quota_limit=7, quota_period="day", credits_micro=9_000_000)

    answers = [_get(secret, "/dear", **{"User-Agent": "curl/8"}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "quota_exceeded"
    events = usage_events()
    assert len(events) == 2
    assert events[0][1:] == [
        organization.pk, key.pk, 0, 0, "GET", "/dear", "VALID", 3, "127.0.0.1", "curl/8", None, "live", 0,
    ]  # fmt: skip


def test_credits_are_refused_with_their_numbers(issue, settings):
    key, secret = issue(credits_micro=4_000_000)
    _get(secret, "/dear")

    answer = _get(secret, "/dear")

    assert (answer.status_code, answer.json()["balance"], answer.json()["required"]) == (
        402,
        "1",
        "3",
    )
    assert answer.json()["top_up_url"] == f"{settings.PUBLIC_URL}/keys/{key.pk}/"


def test_redis_away_keeps_the_rate_and_refuses_money(issue, monkeypatch):
    _, secret = issue(rate_limit=1, rate_per_seconds=60, rate_burst=2)
    _, rich = issue(credits_micro=10**9)
    monkeypatch.setattr("config.common.redis.settings.REDIS_URL", "redis://127.0.0.1:1/0")

    statuses = [_get(secret).status_code for _ in range(3)]
    money = _get(rich, "/dear")

    assert statuses == [200, 200, 429]
    assert (money.status_code, money.json()["code"]) == (503, "service_unavailable")


def test_redis_away_grants_a_process_its_share(issue, monkeypatch, settings):
    settings.GATEWAY_PROCESSES = 2
    _, secret = issue(rate_limit=1, rate_per_seconds=60, rate_burst=4)
    monkeypatch.setattr("config.common.redis.settings.REDIS_URL", "redis://127.0.0.1:1/0")

    answers = [_get(secret) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 60 < int(answers[2].headers["Retry-After"]) <= 120


def test_counters_of_an_old_snapshot_wait_for_the_gate(issue, redis_client, monkeypatch, settings):
    _, secret = issue(credits_micro=4_000_000)
    marker = f"{settings.REDIS_PREFIX}run"
    monkeypatch.setattr("apikeys.gateway.wire._BACK_OFF_SECONDS", 0)
    blocking._wire_to.cache_clear()

    redis_client.set(marker, "an earlier run")
    early = _get(secret, "/dear")
    redis_client.set(marker, redis_client.info("server")["run_id"])
    answers = [_get(secret, "/dear") for _ in range(2)]

    assert (early.status_code, early.json()["code"]) == (503, "service_unavailable")
    assert [answer.status_code for answer in answers] == [200, 402]
