"""Forged, bent and borrowed tokens, at every door that takes one: 401 as a problem document, and nothing has happened."""

import time
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from accounts import tokens
from accounts.models import PendingSignIn, Session, User
from accounts.services import sessions
from audit.models import AuditLog
from tests.accounts.forgeries import ATTACKS, signed

SIGNED_IN = {"session.started", "session.ended", "session.token_reused"}


@dataclass(frozen=True)
class Door:
    """Where a kind of token is taken, and how its refusal looks."""

    kind: str
    path: str
    member: str
    code: str
    challenge: str


DOORS = {
    "access": Door(
        "access",
        "/api/v1/users/me",
        "",
        "unauthenticated",
        'Bearer realm="api", error="invalid_token"',
    ),
    "refresh": Door(
        "refresh",
        "/api/v1/auth/refresh",
        "refresh",
        "invalid_refresh_token",
        'Bearer realm="api"',
    ),
    "2fa_pending": Door(
        "2fa_pending",
        "/api/v1/auth/2fa/verify",
        "two_factor_token",
        "sign_in_expired",
        'Bearer realm="api"',
    ),
}


@dataclass
class Scene:
    """A person with a session and a sign-in that waits, and what a good token of each kind says."""

    user: User
    session: Session
    pending: PendingSignIn
    refresh: str

    def claims(self, kind: str) -> dict[str, Any]:
        """Return the claims of a good token."""
        now = int(time.time())
        own: dict[str, Any] = {
            "access": {
                "sub": str(self.user.pk),
                "sid": self.session.pk,
                "ver": self.user.session_version,
            },
            "refresh": {"sid": self.session.pk, "jti": "j" * 43},
            "2fa_pending": {"pid": self.pending.pk, "jti": "j" * 43},
        }[kind]
        return {
            **own,
            "typ": kind,
            "iat": now,
            "exp": now + 60,
            "iss": "http://testserver",
            "aud": "tollgate-api",
        }


@pytest.fixture
def scene(olivia, clock):
    pair = sessions.start(user=olivia, at=timezone.now())
    pending = PendingSignIn.objects.create(
        user=olivia,
        session_version=olivia.session_version,
        expires_at=timezone.now() + tokens.PENDING_LIFETIME,
    )
    clock.shift(1)
    return Scene(olivia, pair.session, pending, pair.refresh)


def _present(api: Any, door: Door, token: str) -> Any:
    if door.kind == "access":
        return api.get(door.path, HTTP_AUTHORIZATION=f"Bearer {token}")
    extra = {"code": "123456"} if door.kind == "2fa_pending" else {}
    return api.post(door.path, {door.member: token, **extra})


def _state() -> Any:
    """Return everything that a token could have moved."""
    return (
        list(Session.objects.order_by("pk").values()),
        list(PendingSignIn.objects.order_by("pk").values()),
        list(User.objects.order_by("pk").values_list("last_login", "login_count")),
        AuditLog.objects.filter(event__in=SIGNED_IN).count(),
    )


def _require_refusal(response: Any, door: Door) -> None:
    assert response.status_code == 401, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == door.code
    assert response["WWW-Authenticate"] == door.challenge


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("door", DOORS)
def test_it_is_refused_and_nothing_has_happened(api, scene, door, attack):
    before, token = _state(), ATTACKS[attack](scene.claims(door))

    _require_refusal(_present(api, DOORS[door], token), DOORS[door])

    assert _state() == before


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", DOORS)
def test_a_token_opens_the_door_of_its_kind_only(api, scene, door, kind):
    claims = {**scene.claims("access"), **scene.claims("2fa_pending"), **scene.claims("refresh")}
    token = signed({**claims, "typ": kind})
    if door == kind:
        return
    before = _state()

    _require_refusal(_present(api, DOORS[door], token), DOORS[door])

    assert _state() == before


def test_the_good_ones_of_this_file_are_good(api, scene):
    assert _present(api, DOORS["access"], signed(scene.claims("access"))).status_code == 200
    assert tokens.read_refresh(signed(scene.claims("refresh"))) == scene.session.pk
    assert tokens.read_pending(signed(scene.claims("2fa_pending"))) == scene.pending.pk


@pytest.mark.parametrize(("left", "status"), [(1, 200), (0, 401), (-1, 401)])
def test_it_expires_to_the_second_without_leeway(api, scene, left, status):
    token = signed(scene.claims("access") | {"exp": int(time.time()) + left})

    assert settings.SIMPLE_JWT["LEEWAY"] == 0
    assert _present(api, DOORS["access"], token).status_code == status


@pytest.mark.parametrize(("claim", "offset", "status"), [
    ("nbf", 0, 200), ("nbf", 1, 401), ("iat", 0, 200), ("iat", 1, 401),
])  # fmt: skip
def test_it_does_not_hold_before_its_time(api, scene, claim, offset, status):
    token = signed(scene.claims("access") | {claim: int(time.time()) + offset})

    assert _present(api, DOORS["access"], token).status_code == status


@pytest.mark.parametrize("version", [-1, 1])
def test_another_session_version_is_refused(api, scene, version):
    token = signed(scene.claims("access") | {"ver": scene.user.session_version + version})

    _require_refusal(_present(api, DOORS["access"], token), DOORS["access"])


def test_somebody_elses_session_is_refused(api, scene, stan):
    other = sessions.start(user=stan, at=timezone.now()).session

    for change in ({"sid": other.pk}, {"sub": str(stan.pk)}):
        token = signed(scene.claims("access") | change)
        _require_refusal(_present(api, DOORS["access"], token), DOORS["access"])


def test_a_well_signed_refresh_token_that_was_never_handed_out_ends_the_family(api, scene):
    token = signed(scene.claims("refresh"))

    _require_refusal(_present(api, DOORS["refresh"], token), DOORS["refresh"])

    # It can only have been made with the key: whoever holds it is not to share a session with the owner.
    assert Session.objects.get(pk=scene.session.pk).ended_reason == "token_reused"


@pytest.mark.parametrize("size", [10_000, 100_000, 900_000])
def test_a_huge_token_costs_nothing(api, scene, size):
    token = signed({**scene.claims("access"), "x": "A" * size})
    started = time.thread_time()

    _require_refusal(_present(api, DOORS["access"], token), DOORS["access"])

    assert time.thread_time() - started < 0.5


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer garbage",
        "Bearer a.b",
        "bearer null",
        "Bearer undefined",
        "Bearer {token} {token}",
        "Bearer {token},{token}",
        "Bearer {token}\t{token}",
        'Bearer "{token}"',
        "Bearer Bearer {token}",
    ],
)
def test_a_header_that_holds_more_or_less_than_a_token_is_refused(api, scene, header):
    token = signed(scene.claims("access"))

    response = api.get("/api/v1/users/me", HTTP_AUTHORIZATION=header.format(token=token))

    _require_refusal(response, DOORS["access"])


@pytest.mark.parametrize("header", ["Basic {token}", "Token {token}", "JWT {token}", "{token}"])
def test_another_scheme_is_no_token(api, scene, header):
    token = signed(scene.claims("access"))

    response = api.get("/api/v1/users/me", HTTP_AUTHORIZATION=header.format(token=token))

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_token_in_the_address_is_no_token(api, scene):
    token = signed(scene.claims("access"))

    for name in ("access_token", "token", "jwt"):
        assert api.get("/api/v1/organizations", {name: token}).status_code == 401


def test_a_cookie_cannot_carry_an_access_token(api, scene):
    api.cookies["access"] = api.cookies["Authorization"] = signed(scene.claims("access"))

    assert api.get("/api/v1/users/me").status_code == 401


def test_a_refresh_token_of_an_ended_session_is_refused(api, scene):
    sessions.end(user=scene.user, session_id=scene.session.pk)
    before = _state()

    _require_refusal(_present(api, DOORS["refresh"], scene.refresh), DOORS["refresh"])

    assert _state() == before


def test_the_signature_of_one_token_does_not_fit_another(api, scene, sign_in):
    mine = sign_in(scene.user)["access"].split(".")
    forged = signed(scene.claims("access") | {"sub": "1"}).split(".")

    token = ".".join((*forged[:2], mine[2]))

    _require_refusal(_present(api, DOORS["access"], token), DOORS["access"])
