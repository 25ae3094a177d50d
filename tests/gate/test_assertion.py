"""The signed statement that a call passed."""

import base64
import time

import jwt
import orjson
import pytest

from apikeys.gateway import app
from apikeys.gateway.assertion import Signer
from apikeys.models import Api
from tests.gate.asking import authorize, send
from tests.patience import until

SEEDS = [base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2)]


def _verified(token: str, jwks: bytes, audience: str) -> dict:
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(k for k in orjson.loads(jwks)["keys"] if k["kid"] == kid)
    return jwt.decode(token, jwt.PyJWK(key).key, algorithms=["EdDSA"], audience=audience)


def test_upstream_can_check_the_assertion(house, gate):
    Api.objects.filter(pk=house.api.pk).update(sends_assertion=True)
    key = house.key(scopes=["orders:read", "x"])
    try:
        until(lambda: "x-gateway-assertion" in authorize(gate, key.secret).headers)
        answer = authorize(
            gate, key.secret, "/orders/7?secret=1", X_Forwarded_Host="shop.test", X_Forwarded_Proto="https"
        )  # fmt: skip
    finally:
        Api.objects.filter(pk=house.api.pk).update(sends_assertion=False)

    claims = _verified(answer.headers["x-gateway-assertion"], app.jwks(), "demo")
    now = time.time()
    assert now - 60 < claims.pop("iat") <= now + 1
    assert 0 < claims.pop("exp") - now <= 60
    assert len(claims.pop("jti")) >= 16
    # The process under test has a public address of its own; the key is derived from the secret they share.
    assert claims == {
        "iss": "https://tollgate.test", "aud": "demo", "sub": f"key:{key.row.pk}",
        "org": house.organization.pk, "key": key.row.pk, "scopes": ["orders:read", "x"],
        "htm": "GET", "htu": "https://shop.test/orders/7",
    }  # fmt: skip


def test_newest_key_signs_and_all_are_published():
    signer = Signer((f"new:{SEEDS[0]}", f"old:{SEEDS[1]}"), "", "https://t.test")
    old = Signer((f"old:{SEEDS[1]}",), "", "https://t.test")
    now = int(time.time())

    fresh, earlier = signer.sign({"aud": "a"}, now).decode(), old.sign({"aud": "a"}, now).decode()

    assert jwt.get_unverified_header(fresh) == {"alg": "EdDSA", "kid": "new", "typ": "JWT"}
    assert _verified(fresh, signer.jwks(), "a")["iss"] == "https://t.test"
    assert _verified(earlier, signer.jwks(), "a")["exp"] == now + 60


def test_derived_key_is_the_same_in_every_process():
    first, second = Signer((), "secret", "i"), Signer((), "secret", "i")

    assert first.jwks() == second.jwks()
    assert first.jwks() != Signer((), "other", "i").jwks()
    assert b'"d"' not in first.jwks()


def test_changed_assertion_is_not_believed():
    signer = Signer((f"k:{SEEDS[0]}",), "", "i")
    header, claims, signature = signer.sign({"aud": "a", "org": 1}, int(time.time())).split(b".")
    changed = base64.urlsafe_b64encode(
        base64.urlsafe_b64decode(claims + b"==").replace(b'"org":1', b'"org":2')
    ).rstrip(b"=")

    with pytest.raises(jwt.InvalidSignatureError):
        _verified(b".".join((header, changed, signature)).decode(), signer.jwks(), "a")


def test_assertion_is_only_sent_where_the_api_asks_for_it(house, gate):
    secret = house.key().secret

    until(lambda: "x-gateway-assertion" not in authorize(gate, secret).headers)
    assert send(gate, "GET", "/gateway/authorize").headers.get("x-gateway-assertion") is None
