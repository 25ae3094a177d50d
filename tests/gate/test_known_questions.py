"""A question whose bytes were read before is not parsed again, and means what it would mean if it were."""

import socket

import orjson
import pytest
from django.utils import timezone

from apikeys.models import RouteRule
from apikeys.services import apis, keys
from tests.gate.wire import Wire, asked, plain, wire
from tests.patience import until


def _known(gate) -> float:
    return gate.metrics()["tollgate_gate_known_questions"]


@pytest.fixture(scope="module")
def own_gate(start_gate):
    """A gate that is asked by this module alone, forgets nothing by itself, and believes one address."""
    return start_gate(GATEWAY_TRUSTED_PROXIES="127.0.0.1/32", FORGET_SECONDS="3600")


def _told(client: Wire, request: bytes, *, piece: int = 0) -> tuple[int, str, str]:
    """Return status, whose key it was and the id of the call."""
    client.send(request, piece=piece)
    response = client.response()
    assert response is not None
    return response.status, response.headers.get("x-key-id", ""), response.headers["x-request-id"]


def _counted(usage_events, key) -> set[str]:
    """Return the ids under which the key's calls were written; one that was not confirmed is written again."""
    return {event[0] for event in usage_events() if event[2] == key.row.pk}


def test_each_call_is_counted_under_an_id_of_its_own(own_gate, house, usage_events):
    key = house.key(rate_limit=5, rate_per_seconds=3600, rate_burst=5)

    with wire(own_gate) as first, wire(own_gate) as second:
        told = [_told(client, asked(key.secret)) for client in (first, second) * 3]

    assert [answer[:2] for answer in told] == [(204, str(key.row.pk))] * 5 + [(429, "")]
    ids = {answer[2] for answer in told}
    assert len(ids) == 6
    until(lambda: _counted(usage_events, key) == ids)


def test_only_whole_questions_that_can_come_again_are_kept(own_gate, house):
    secret = house.key().secret
    others = [
        asked(secret, "X-Request-Id: 0123456789abcdef"),
        asked(secret, "Content-Length: 2") + b"{}",
        asked(secret, "Connection: close"),
        asked(secret, "Connection: Upgrade", "Upgrade: h2c"),
        asked(secret, f"X-Long: {'x' * 1_024}"),
        asked(secret, method="POST"),
        asked(secret).replace(b"HTTP/1.1", b"HTTP/1.0"),
        asked(secret) + asked(secret),
        asked(secret) + b"garbage",
        asked(secret) + b"GET /gateway/au",
        plain("/elsewhere"),
        asked(secret).replace(b"Host: gate\r\n", b""),
    ]
    with wire(own_gate) as client:
        assert _told(client, asked(house.key().secret))[0] == 204
    before = _known(own_gate)

    for request in others:
        with wire(own_gate) as client:
            client.send(request)
            assert client.response() is not None
    with wire(own_gate) as client:
        assert _told(client, asked(secret), piece=7)[0] == 204

    assert _known(own_gate) == before
    with wire(own_gate) as client:
        assert _told(client, asked(secret))[0] == 204
    assert _known(own_gate) == before + 1


@pytest.mark.parametrize("piece", [0, 1, 40])
def test_what_follows_is_read_as_ever(own_gate, house, piece):
    """Known and unknown requests in turn on one connection, whole, torn and in one piece with others."""
    secret, other = house.key().secret, house.key().secret
    known = asked(secret)
    with wire(own_gate) as client:
        for _ in range(2):
            client.send(known)
            assert client.statuses(1) == [204]

        client.send(known + known)
        assert client.statuses(2) == [204, 204]
        client.send(known)
        client.send(asked(other) + known, piece=piece)
        client.send(known)
        assert client.statuses(4) == [204] * 4
        client.send(b"\r\n")
        client.send(known)
        assert client.statuses(1) == [204]
        client.send(plain("/elsewhere"))
        client.send(known)
        assert client.statuses(2) == [200, 204]
        client.send(known)
        client.send(known[:-2], piece=piece)
        client.send(b"Connection: close\r\n\r\n")
        client.send(known)
        assert client.statuses(3) == [204, 204]
        assert client.is_closed()


def test_garbage_after_a_known_question_is_refused_in_its_turn(own_gate, house):
    known = asked(house.key().secret)
    with wire(own_gate) as client:
        for _ in range(2):
            client.send(known)
            assert client.statuses(1) == [204]
        client.send(known + b"\x00\x01\r\n\r\n")
        assert client.statuses(2) == [204, 400]
        client.send(known)
        assert client.is_closed()


def test_a_body_is_not_taken_for_a_question(own_gate, house, usage_events):
    key = house.key()
    known = asked(key.secret)
    with wire(own_gate) as client:
        told = [_told(client, known)[2] for _ in range(2)]
        client.send(plain("/upload", f"Content-Length: {len(known)}", method="POST"))
        client.send(known)
        response = client.response()
        told.append(_told(client, known)[2])

    assert response is not None
    assert orjson.loads(response.body)["body"] == known.decode()
    until(lambda: _counted(usage_events, key) >= set(told))
    assert _counted(usage_events, key) == set(told)


def test_what_a_question_means_depends_on_who_asks(own_gate, house):
    key = house.key(ip_allowlist=["192.0.2.0/24"])
    request = asked(key.secret, "X-Forwarded-For: 192.0.2.9")

    for _ in range(2):
        statuses = []
        for address in ("127.0.0.1", "127.0.0.2", "127.0.0.1"):
            with socket.create_connection(
                ("127.0.0.1", own_gate.port), timeout=60, source_address=(address, 0)
            ) as peer:
                peer.sendall(request)
                statuses.append(int(peer.recv(65_536).split(b" ")[1]))
        assert statuses == [204, 403, 204]


def test_changes_of_keys_and_rules_are_heeded(own_gate, house):
    key = house.key()
    request = asked(key.secret, "X-Forwarded-Method: GET", "X-Forwarded-Uri: /known/1")
    with wire(own_gate) as client:
        for _ in range(2):
            assert _told(client, request)[0] == 204

        house.rule("/known/*", required_scope="admin:all")
        until(lambda: _told(client, request)[0] == 403)

        rule = RouteRule.objects.get(path_pattern="/known/*")
        apis.delete_rule(rule=rule, by=None)
        until(lambda: _told(client, request)[0] == 204)

        keys.revoke_key(key=key.row, at=timezone.now())
        until(lambda: _told(client, request)[0] == 401)


def test_strangers_do_not_fill_the_memory(own_gate):
    with wire(own_gate) as client:
        for number in range(1_100):
            client.send(asked(f"nobody-{number}"))
            assert client.statuses(1) == [401]

    assert _known(own_gate) <= 1_024
