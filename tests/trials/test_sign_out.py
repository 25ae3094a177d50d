"""A session that ends has ended in every process within two seconds, and rights that are taken are gone at once."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.utils import timezone
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from accounts.models import Session, User
from accounts.services import email_changes, passwords, sessions, suspension
from analytics.consumers import NO_LONGER_ALLOWED
from config.common import crypto
from config.common.models import OutgoingMail
from organizations import access
from organizations.access import Tenant
from organizations.services import custom_roles, members, security_policy
from tests.doubles.house import House
from tests.doubles.stack import Gate
from tests.patience import Machine, until

DEADLINE = 2.0
JSON = {"Content-Type": "application/json"}
PASSWORD = "four unrelated words here"
_COOKIE = "__Host-tollgate_session"
_CSRF = "__Host-tollgate_csrf"
names = iter(f"leaver-{number}" for number in range(1000))


def ask(
    gate: Gate, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Ask one process, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=60)
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def _set_cookies(headers: http.client.HTTPMessage) -> dict[str, str]:
    lines = headers.get_all("Set-Cookie") or []
    pairs = (line.partition(";")[0].partition("=") for line in lines)
    return {name: value for name, _, value in pairs}


@dataclass
class Presence:
    """One person, signed in over the API and in the portal, who watches the live figures at every process."""

    user: User
    gates: list[Gate]
    access: str
    refresh: str
    cookie: str
    sockets: list[ClientConnection]
    seen: list[tuple[str, float, int]] = field(default_factory=list)
    closed: dict[int, tuple[float, int]] = field(default_factory=dict)
    is_over: threading.Event = field(default_factory=threading.Event)

    def session(self, kind: Session.Kind) -> Session:
        """Return the one open session of a kind."""
        return self.user.sessions.get(kind=kind, ended_at=None)

    def watch(self) -> list[threading.Thread]:
        """Use everything everywhere until `is_over`, and note what happens when."""
        users = [
            threading.Thread(target=self._use, args=(gate, carrier))
            for gate in self.gates
            for carrier in ("token", "cookie")
        ]
        watchers = [
            threading.Thread(target=self._wait_for_end, args=(number, socket))
            for number, socket in enumerate(self.sockets)
        ]
        for thread in [*users, *watchers]:
            thread.start()
        return [*users, *watchers]

    def _use(self, gate: Gate, carrier: str) -> None:
        headers = (
            {"Authorization": f"Bearer {self.access}"}
            if carrier == "token"
            else {"Cookie": f"{_COOKIE}={self.cookie}"}
        )
        while not self.is_over.is_set():
            sent_at = time.monotonic()
            status, _, _ = ask(gate, "GET", "/api/v1/users/me", headers)
            self.seen.append((carrier, sent_at, status))
            time.sleep(0.05)

    def _wait_for_end(self, number: int, socket: ClientConnection) -> None:
        try:
            while not self.is_over.is_set():
                with suppress(TimeoutError):
                    socket.recv(timeout=0.1)
        except ConnectionClosed as end:
            assert end.rcvd is not None
            self.closed[number] = (time.monotonic(), end.rcvd.code)


@pytest.fixture
def presence(house: House, gates: list[Gate]) -> Iterator[Presence]:
    """A customer of this test's own, signed in and watching."""
    user = house.another(next(names)).owner
    pair = _pair(gates[0], user)
    cookie = _portal_cookie(gates[0], user)
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(_socket(gate, cookie)) for gate in gates]
        yield Presence(user, gates, pair["access"], pair["refresh"], cookie, sockets)


def _pair(gate: Gate, user: User) -> dict[str, str]:
    body = json.dumps({"email": user.email, "password": PASSWORD}).encode()
    status, _, answer = ask(gate, "POST", "/api/v1/auth/login", JSON, body)
    assert status == 200, answer
    pair: dict[str, str] = json.loads(answer)
    return pair


def _portal_cookie(gate: Gate, user: User) -> str:
    _, headers, _ = ask(gate, "GET", "/login/", {})
    csrf = _set_cookies(headers)[_CSRF]
    form = f"csrfmiddlewaretoken={csrf}&email={user.email.replace('@', '%40')}"
    sent = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"{_CSRF}={csrf}"}
    body = f"{form}&password={PASSWORD.replace(' ', '+')}".encode()
    status, headers, page = ask(gate, "POST", "/login/", sent, body)
    assert status == 302, page
    return _set_cookies(headers)[_COOKIE]


def _socket(gate: Gate, cookie: str) -> ClientConnection:
    status, _, answer = ask(gate, "POST", "/live/ticket/", _as_a_page(cookie))
    assert status == 200, answer
    ticket = json.loads(answer)["ticket"]
    host = f"127.0.0.1:{gate.port}"
    origin = Origin(f"http://{host}")
    return connect(f"ws://{host}/ws/live?ticket={ticket}", origin=origin, legacy=True)


def _as_a_page(cookie: str) -> dict[str, str]:
    """Return the headers with which a page of ours sends something."""
    csrf = "c" * 32
    return {"Cookie": f"{_COOKIE}={cookie}; {_CSRF}={csrf}", "X-CSRFToken": csrf}


def _log_out(presence: Presence) -> None:
    body = json.dumps({"refresh": presence.refresh}).encode()
    status, _, _ = ask(presence.gates[0], "POST", "/api/v1/auth/logout", JSON, body)
    assert status == 204


def _log_out_of_the_portal(presence: Presence) -> None:
    status, _, _ = ask(presence.gates[0], "POST", "/logout/", _as_a_page(presence.cookie))
    assert status == 302


def _mailed(kind: str, to: str) -> str:
    owed = OutgoingMail.objects.filter(kind=kind, recipient=to).latest("id")
    text: str = json.loads(crypto.decrypt(owed.body_encrypted, purpose="mail.body"))["text"]
    (line,) = [line for line in text.splitlines() if "change/" in line or "password/" in line]
    return line.rstrip("/").rpartition("/")[2]


def _reset_password(presence: Presence) -> None:
    user, now = presence.user, timezone.now()
    passwords.request_reset(email=user.email, at=now)
    token = _mailed("accounts/reset_password", user.email)
    passwords.reset(token=token, password="other unrelated words here", at=now)


def _change_address(presence: Presence) -> None:
    user, now, fresh = presence.user, timezone.now(), f"new-{presence.user.email}"
    email_changes.request(user=user, email=fresh, password=PASSWORD, at=now)
    for kind, to in (("email_change_old", user.email), ("email_change_new", fresh)):
        email_changes.confirm(token=_mailed(f"accounts/{kind}", to), at=now)


CARRIERS = ("token", "cookie")
API, PORTAL = {"token"}, {"cookie", "socket"}
Ending = Callable[[Presence], Any]
ENDINGS: dict[str, tuple[Ending, set[str]]] = {
    "suspension": (lambda p: suspension.suspend(user=p.user, reason="trial"), API | PORTAL),
    "log-out": (_log_out, API),
    "log-out of the portal": (_log_out_of_the_portal, PORTAL),
    "log-out everywhere": (
        lambda p: sessions.end_all(user=p.user, reason="ended_by_user"),
        API | PORTAL,
    ),
    "end of one session": (
        lambda p: sessions.end(user=p.user, session_id=p.session(Session.Kind.PORTAL).pk),
        PORTAL,
    ),
    "end of the others": (
        lambda p: sessions.end_others(user=p.user, keep=p.session(Session.Kind.PORTAL).pk),
        API,
    ),
    "new password": (lambda p: passwords.record_change(user=p.user), API | PORTAL),
    "password reset": (_reset_password, API | PORTAL),
    "change of address": (_change_address, API | PORTAL),
}


@pytest.mark.parametrize(
    "what",
    [
        "suspension",
        *(pytest.param(what, marks=pytest.mark.trial) for what in list(ENDINGS)[1:]),
    ],
)
def test_what_ends_has_ended_everywhere_within_two_seconds(what: str, presence: Presence) -> None:
    act, ended = ENDINGS[what]
    threads = presence.watch()
    until(lambda: all(len(_statuses(presence, carrier, 0)) > 4 for carrier in CARRIERS))
    before = {status for _, _, status in presence.seen}

    with Machine() as machine:
        act(presence)
        done_at = time.monotonic()
        time.sleep(DEADLINE)
        # For how long the machine stood still nobody can have heard of the end.
        ends_at = done_at + DEADLINE + machine.stood_still
        until(lambda: all(len(_statuses(presence, carrier, ends_at)) > 4 for carrier in CARRIERS))
        presence.is_over.set()
        for thread in threads:
            thread.join()
    assert before == {200}
    for carrier in CARRIERS:
        after = set(_statuses(presence, carrier, ends_at))
        assert after == ({401} if carrier in ended else {200})
    if "socket" in ended:
        assert sorted(presence.closed) == list(range(len(presence.gates)))
        assert {code for _, code in presence.closed.values()} == {NO_LONGER_ALLOWED}
        assert max(at for at, _ in presence.closed.values()) <= ends_at
    else:
        assert presence.closed == {}


def _statuses(presence: Presence, carrier: str, since: float) -> list[int]:
    """Return what was answered to requests that were sent later than that."""
    return [
        status for name, sent_at, status in [*presence.seen] if name == carrier and sent_at > since
    ]


RIGHTS: dict[str, tuple[Callable[[Tenant, User], object], int]] = {
    "demoted": (
        lambda by, user: members.change_role(tenant=by, user_id=user.pk, role="VIEWER"),
        403,
    ),
    "given a lesser role of their own": (
        lambda by, user: members.change_role(
            tenant=by,
            user_id=user.pk,
            custom_role_id=custom_roles.create_role(
                tenant=by, name="Reader", permissions=["usage:read"]
            ).pk,
        ),
        403,
    ),
    "removed": (lambda by, user: members.remove_member(tenant=by, user_id=user.pk), 404),
    "kept out by a policy": (
        lambda by, user: security_policy.change_policy(
            tenant=by, changes={"requires_two_factor": True}
        ),
        403,
    ),
    "suspended": (lambda _, user: suspension.suspend(user=user, reason="trial"), 401),
}


@pytest.mark.parametrize("what", RIGHTS)
def test_rights_that_are_taken_are_gone_for_the_next_request_in_every_process(
    what: str, house: House, gates: list[Gate]
) -> None:
    """Nothing that says who may do what is remembered between requests."""
    act, refused = RIGHTS[what]
    customer, person = house.another(next(names)), house.another(next(names)).owner
    by = access.on_behalf_of(customer.organization)
    members.add_member(organization=customer.organization, user=person, role="ADMIN")
    headers = {"Authorization": f"Bearer {_pair(gates[0], person)['access']}"}
    path = f"/api/v1/organizations/{customer.organization.pk}"
    for gate in gates:
        assert ask(gate, "PATCH", path, {**headers, **JSON}, b'{"metadata": {}}')[0] == 200

    act(by, person)

    got = [ask(gate, "PATCH", path, {**headers, **JSON}, b'{"metadata": {}}')[0] for gate in gates]
    assert got == [refused] * len(gates)
