"""Whether an address has an account shows nowhere: not in status, body or headers, and not in the time to the answer.

Known and unknown addresses are asked for in turn, over HTTP, each from an address of its own. The short form compares
the answers; the trial compares the times of 300 of each.
"""

import http.client
import itertools
import json
import random
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import bcrypt
import pytest
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from accounts.models import LoginGuard, TotpDevice, User
from config.common import crypto
from tests.doubles.house import House
from tests.doubles.stack import Gate, Stack

SAMPLES = 300
MEASURES = 3
WITHIN_SECONDS = 0.005
PASSWORD = "four unrelated words here"
_CHANGING = {"date", "x-request-id"}
_REQUEST_ID = re.compile(r'"(?:request_id|instance)":"[^"]+"')
# What a page is given for this visitor alone: the token of its form, and the address they typed themselves.
_OF_THE_VISIT = re.compile(r'value="[0-9A-Za-z]{64}"|[\w.-]+@(?:known|unknown)\.test')
numbers = itertools.count()
ports = itertools.count(1)


@dataclass(frozen=True)
class Knock:
    """One way to give an address: the path and the body; and whom of the known ones it is for."""

    path: str
    body: Callable[[str], dict[str, str]]
    known: dict[str, Any]
    has_factor: bool = False


def _sign_in(email: str) -> dict[str, str]:
    return {"email": email, "password": "not the password at all"}


def _imported() -> str:
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(9)).decode()


def _register(email: str) -> dict[str, str]:
    return {"email": email, "password": PASSWORD, "full_name": "Some One"}


def _only_email(email: str) -> dict[str, str]:
    return {"email": email}


VERIFIED: dict[str, Any] = {"email_verified_at": timezone.now()}
KNOCKS = {
    "register": Knock("/api/v1/auth/register", _register, VERIFIED),
    "login": Knock("/api/v1/auth/login", _sign_in, VERIFIED),
    "login-of-one-with-2fa": Knock("/api/v1/auth/login", _sign_in, VERIFIED, has_factor=True),
    "login-of-a-suspended-one": Knock(
        "/api/v1/auth/login", _sign_in, {**VERIFIED, "status": "SUSPENDED"}
    ),
    # As a hash from elsewhere is compared with, ten times as slow as ours; fewer rounds, since a trial waits for them.
    "login-of-an-imported-one": Knock(
        "/api/v1/auth/login", _sign_in, {**VERIFIED, "password": f"bcrypt${_imported()}"}
    ),
    "password-reset": Knock("/api/v1/auth/password-reset/request", _only_email, VERIFIED),
    "resend": Knock("/api/v1/auth/verify-email/resend", _only_email, {}),
    "resend-to-a-verified-one": Knock("/api/v1/auth/verify-email/resend", _only_email, VERIFIED),
}
PAGES = {
    "register": ("/register/", _register),
    "login": ("/login/", _sign_in),
    "password-reset": ("/password-reset/", _only_email),
    "resend": ("/verify-email-resend/", _only_email),
}


@pytest.fixture(scope="module")
def web(house: House, stack: Stack) -> Gate:
    """A web process that believes us which address a request comes from."""
    return stack.gate(TRUSTED_PROXIES="127.0.0.0/8")


@dataclass(frozen=True)
class Answer:
    """What came back and how long it took."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    seconds: float

    @property
    def shape(self) -> tuple[Any, ...]:
        """All of the answer that must be the same for everybody."""
        return self.status, self.headers, self.body


class Visitor:
    """Asks over one kept connection, each time from another address."""

    def __init__(self, gate: Gate) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=60)

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def post(self, path: str, body: bytes, **headers: str) -> Answer:
        """Send a request and take the time until all of the answer is there."""
        number = next(ports)
        place = f"100.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        started = time.perf_counter()
        self._connection.request("POST", path, body, {**named, "X-Forwarded-For": place})
        answer = self._connection.getresponse()
        content = answer.read()
        seconds = time.perf_counter() - started
        kept = sorted(
            (name.lower(), _shape_of_header(name, value))
            for name, value in answer.getheaders()
            if name.lower() not in _CHANGING
        )
        text = _OF_THE_VISIT.sub("…", _REQUEST_ID.sub("…", content.decode()))
        return Answer(answer.status, tuple(kept), text, seconds)

    def json(self, path: str, body: dict[str, str]) -> Answer:
        """Ask the API."""
        return self.post(path, json.dumps(body).encode(), Content_Type="application/json")

    def form(self, path: str, body: dict[str, str]) -> Answer:
        """Send a page's form."""
        csrf = "c" * 32
        content = urlencode({**body, "csrfmiddlewaretoken": csrf}).encode()
        return self.post(
            path,
            content,
            Content_Type="application/x-www-form-urlencoded",
            Accept="text/html",
            Cookie=f"__Host-tollgate_csrf={csrf}",
        )


def _shape_of_header(name: str, value: str) -> str:
    """Return a header without the secret of a cookie and the length of what the visitor typed."""
    if name.lower() == "set-cookie":
        return re.sub(r"=[^;]*", "=…", value)
    return "…" if name.lower() == "content-length" else value


def _people(count: int, *, has_factor: bool = False, **fields: Any) -> list[str]:
    """Open accounts without a mail, so that each is asked for once only."""
    facts = {"password": make_password(PASSWORD), "full_name": "Some One", **fields}
    people = User.objects.bulk_create(
        User(email=f"k{next(numbers):06}@known.test", **facts) for _ in range(count)
    )
    if has_factor:
        seed = crypto.encrypt("JBSWY3DPEHPK3PXP", purpose="totp.seed")
        TotpDevice.objects.bulk_create(
            TotpDevice(user=person, name="app", confirmed=True, seed_encrypted=seed)
            for person in people
        )
    return [person.email for person in people]


def _strangers(count: int) -> list[str]:
    return [f"u{next(numbers):06}@unknown.test" for _ in range(count)]


def _asked(web: Gate, knock: Knock, samples: int) -> tuple[list[Answer], list[Answer]]:
    """Ask for a known and an unknown address each, in a random order, again and again; return the answers of each."""
    known = _people(samples, has_factor=knock.has_factor, **knock.known)
    answers: tuple[list[Answer], list[Answer]] = ([], [])
    with Visitor(web) as visitor:
        for email in _strangers(3):
            visitor.json(knock.path, knock.body(email))
        for pair in zip(known, _strangers(samples), strict=True):
            for which in random.sample((0, 1), 2):
                answers[which].append(visitor.json(knock.path, knock.body(pair[which])))
    LoginGuard.objects.all().delete()
    return answers


@pytest.mark.parametrize("name", KNOCKS)
def test_answers_are_the_same(web: Gate, name: str) -> None:
    known, unknown = _asked(web, KNOCKS[name], 4)

    assert {answer.shape for answer in known} == {answer.shape for answer in unknown}
    assert len({answer.shape for answer in known}) == 1
    assert known[0].status in {200, 201, 202, 401}


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_the_same(web: Gate, name: str) -> None:
    path, body = PAGES[name]

    with Visitor(web) as visitor:
        known = {visitor.form(path, body(email)).shape for email in _people(2, **VERIFIED)}
        unknown = {visitor.form(path, body(email)).shape for email in _strangers(2)}

    assert known == unknown
    assert len(known) == 1
    LoginGuard.objects.all().delete()


@pytest.mark.parametrize("name", ["login", "password-reset"])
def test_what_is_asked_for_too_often_is_refused_alike(web: Gate, name: str) -> None:
    knock = KNOCKS[name]
    (known,), (unknown,) = _people(1, **VERIFIED), _strangers(1)

    seen: list[list[tuple[Any, ...]]] = [[], []]
    with Visitor(web) as visitor:
        for number in range(36):
            answer = visitor.json(knock.path, knock.body((known, unknown)[number % 2]))
            headers = tuple(name for name, _ in answer.headers)
            seen[number % 2].append((answer.status, headers, answer.body))
    LoginGuard.objects.all().delete()

    assert seen[0] == seen[1]


def _differences(web: Gate, knock: Knock) -> tuple[float, float]:
    """Return by how much known addresses are answered later: medians compared, and the median of the pairs' differences.

    What else the machine does at the time concerns both of a pair, so the second is the steadier one.
    """
    known, unknown = _asked(web, knock, SAMPLES)
    assert {answer.shape for answer in known} == {answer.shape for answer in unknown}
    medians = [statistics.median(answer.seconds for answer in each) for each in (known, unknown)]
    pairs = (one.seconds - other.seconds for one, other in zip(known, unknown, strict=True))
    return medians[0] - medians[1], statistics.median(pairs)


@pytest.mark.trial
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", KNOCKS)
def test_times_are_the_same(web: Gate, name: str) -> None:
    """A busy machine blurs a measure: it is taken up to three times. A real difference is there every time."""
    seen: list[tuple[float, float]] = []
    while len(seen) < MEASURES:
        seen.append(_differences(web, KNOCKS[name]))
        if max(map(abs, seen[-1])) <= WITHIN_SECONDS:
            return

    raise AssertionError(f"{name}: {seen}")
