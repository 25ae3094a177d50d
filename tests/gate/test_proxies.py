"""What proxies say about a call, and whose word counts."""

import base64

import jwt
import orjson
import pytest

from apikeys.models import Api, ApiKey
from tests.gate.asking import authorize, send
from tests.patience import until

PROBLEMS = "https://tollgate.test/problems/"


def test_nginx_mode_carries_the_problem_in_headers(house, gate):
    key = house.key(rate_limit=1, rate_per_seconds=60, rate_burst=1)
    authorize(gate, key.secret)

    missing = authorize(gate, query="?mode=nginx")
    limited = authorize(gate, key.secret, query="?mode=nginx")

    assert (missing.status, missing.headers["x-auth-status"]) == (401, "401")
    assert missing.headers["www-authenticate"] == 'Bearer realm="api"'
    assert (limited.status, limited.headers["x-auth-status"]) == (403, "429")
    assert limited.body == b""
    assert limited.headers["content-length"] == "0"
    wait = int(limited.headers["retry-after"])
    assert 30 <= wait <= 60
    assert limited.headers["ratelimit"] == f'"burst";r=0;t={wait}'
    assert "x-ratelimit-reset" in limited.headers
    document = orjson.loads(base64.b64decode(limited.headers["x-auth-problem"]))
    assert document == orjson.loads(limited.headers["x-auth-problem-json"])
    assert (document["code"], document["status"]) == ("rate_limited", 429)


def test_nginx_mode_answers_only_what_nginx_understands(house, gate):
    secret = house.key(scopes=[]).secret

    for uri in ("/admin/7", "/ADMIN", "/%zz" * 100):
        answer = authorize(gate, secret, uri, query="?mode=nginx")
        assert answer.status == 403
        assert len(answer.headers["x-auth-problem-json"]) <= 1000
        assert sum(len(n) + len(v) + 4 for n, v in answer.headers.items()) < 4096


def test_each_proxy_is_believed_in_its_own_words(house, gate):
    reader = house.key().secret

    nginx = authorize(
        gate,
        reader,
        "/free",
        query="?mode=nginx",
        X_Original_URI="/admin/7",
        X_Original_Method="GET",
    )
    native = authorize(gate, reader, "/admin/7", X_Original_URI="/free")
    alone = send(
        gate, "GET", "/gateway/authorize", {"X-API-Key": reader, "X-Original-URI": "/admin/7"}
    )

    assert (nginx.status, native.status, alone.status) == (403, 403, 403)


def test_repeated_forwarding_headers_are_refused(house, gate):
    answer = send(
        gate, "GET", "/gateway/authorize", {"X-API-Key": house.key().secret, "X-Forwarded-Uri": "/free", "x-forwarded-uri": "/admin"}
    )  # fmt: skip

    assert (answer.status, answer.json["errors"][0]["code"]) == (400, "repeated")


def test_request_id_of_a_trusted_proxy_is_kept(house, gate):
    secret = house.key().secret

    kept = authorize(gate, secret, X_Request_Id="proxy-0123456789")
    odd = [
        authorize(gate, secret, X_Request_Id=value)
        for value in ("short", "with space 123", "x" * 65)
    ]

    assert kept.headers["x-request-id"] == "proxy-0123456789"
    assert all(len(answer.headers["x-request-id"]) == 32 for answer in odd)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_proxy_may_ask_with_the_original_method(house, gate, method):
    key = house.key()
    asked = {"X-API-Key": key.secret, "X-Forwarded-Method": method, "X-Forwarded-Uri": "/admin/7"}
    body = b"x" * 100 if method in {"POST", "PUT", "PATCH"} else b""

    refused = send(gate, method, "/gateway/authorize", asked, body)
    passed = send(gate, method, "/gateway/authorize", {**asked, "X-Forwarded-Uri": "/x"}, body)

    assert (refused.status, passed.status, passed.body) == (403, 204, b"")
    assert (refused.body == b"") == (method == "HEAD")


def test_a_question_has_no_other_methods(house, gate):
    answer = send(gate, "TRACE", "/gateway/authorize", {"X-API-Key": house.key().secret})

    allowed = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    assert answer.json["code"] == "method_not_allowed"


def test_no_header_of_a_key_can_break_an_answer(house, gate):
    key = house.key()
    ApiKey.objects.filter(pk=key.row.pk).update(scopes=["a:b", "evil\r\nx-org-id: 1", "c%d", "é"])

    answer = authorize(gate, key.secret)

    assert answer.headers["x-scopes"] == "a:b"
    assert answer.headers["x-org-id"] == str(house.organization.pk)


@pytest.fixture(scope="module")
def suspicious(start_gate):
    """A gate that has other proxies than us."""
    return start_gate(GATEWAY_TRUSTED_PROXIES="203.0.113.0/24")


def test_untrusted_peer_is_believed_nothing(house, suspicious):
    key = house.key(ip_allowlist=["192.0.2.9"])
    open_key = house.key()

    refused = authorize(suspicious, key.secret)
    passed = authorize(suspicious, open_key.secret, "/admin/7", X_Request_Id="client-0123456789")

    assert (refused.status, refused.json["code"]) == (403, "forbidden_ip")
    assert passed.status == 204
    assert passed.headers["x-request-id"] != "client-0123456789"


def test_untrusted_peer_does_not_say_what_is_signed(house, suspicious):
    Api.objects.filter(pk=house.api.pk).update(sends_assertion=True)
    key = house.key()
    asked = {"X_Forwarded_Host": "shop.test", "X_Forwarded_Proto": "ftp", "Host": "gate.test"}
    try:
        until(lambda: "x-gateway-assertion" in authorize(suspicious, key.secret).headers)
        answer = authorize(suspicious, key.secret, "/admin/7", "DELETE", **asked)
    finally:
        Api.objects.filter(pk=house.api.pk).update(sends_assertion=False)

    claims = jwt.decode(answer.headers["x-gateway-assertion"], options={"verify_signature": False})
    assert (claims["htm"], claims["htu"]) == ("GET", "https://gate.test")


def test_plain_asgi_server_answers_alike(house, start_gate, gate):
    plain = start_gate(is_plain_asgi=True)
    key, limited = house.key(), house.key(rate_limit=1, rate_per_seconds=60, rate_burst=1)

    for asked in (plain, gate):
        authorize(asked, limited.secret)
    for secret, uri in (
        (key.secret, "/orders/7"),
        ("", "/x"),
        (key.secret, "/admin/7"),
        (limited.secret, "/x"),
        ("x", "/x"),
    ):
        ours, theirs = authorize(gate, secret, uri), authorize(plain, secret, uri)
        assert ours.status == theirs.status
        assert set(ours.headers) == set(theirs.headers)
    assert send(plain, "POST", "/gateway/authorize", {}, b"x" * 17_000).status == 413
    assert send(plain, "DELETE", "/gateway/authorize").status == 401
    assert send(plain, "TRACE", "/gateway/authorize").status == 405
    assert send(plain, "GET", "/elsewhere").json["path"] == "/elsewhere"
