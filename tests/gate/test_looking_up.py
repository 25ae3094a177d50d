"""When PostgreSQL is asked about a key, and when it is not."""

import asyncio
import time
from functools import partial

import pytest
from django.conf import settings

from apikeys import secrets
from apikeys.models import ApiKey
from apikeys.restrictions import EnvironmentName
from apikeys.services import invalidation
from tests.doubles.callers import Callers
from tests.gate.asking import authorize, send
from tests.gate.wire import asked
from tests.patience import at_most, until


@pytest.fixture(scope="module")
def own_gate(start_gate):
    """A process of this module's own, so that its counters tell of this module only."""
    return start_gate()


def _lookups(gate) -> float:
    return gate.metrics()["tollgate_gate_lookups_total"]


def test_malformed_keys_are_never_looked_up(own_gate):
    text = secrets.mint_key(EnvironmentName.LIVE).text
    before = _lookups(own_gate)

    for secret in (
        text[:-1] + ("0" if text[-1] != "0" else "1"),
        "x",
        text.replace("live", "test"),
        "tg_live_" + "é" * 38,
    ):
        answer = send(
            own_gate, "GET", "/gateway/authorize", {"X-API-Key": secret.encode().decode("latin-1")}
        )
        assert answer.status == 401

    assert _lookups(own_gate) == before


def test_unknown_key_is_looked_up_once_in_two_seconds(own_gate):
    secret = secrets.mint_key(EnvironmentName.LIVE).text
    before, began = _lookups(own_gate), time.monotonic()

    assert [authorize(own_gate, secret).status for _ in range(20)] == [401] * 20

    took = time.monotonic() - began
    assert 1 <= _lookups(own_gate) - before <= 1 + took // 2


def test_known_key_is_looked_up_once(house, own_gate):
    secret = house.key().secret
    before = _lookups(own_gate)

    tally = Callers([own_gate.port], [secret]).for_seconds(0.5, connections=10)

    assert set(tally.statuses) == {204}
    assert _lookups(own_gate) == before + 1


def test_concurrent_first_calls_share_a_look_up(house, own_gate):
    keys = [house.key().secret for _ in range(30)]
    before = _lookups(own_gate)

    async def call(secret: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", own_gate.port)
        writer.write(asked(secret))
        status = (await reader.readuntil(b"\r\n\r\n"))[9:12]
        writer.close()
        return status

    async def storm() -> list[bytes]:
        return await asyncio.gather(*(call(secret) for secret in keys for _ in range(5)))

    assert set(asyncio.run(storm())) == {b"204"}
    assert _lookups(own_gate) == before + 30


def test_announced_change_does_not_wait_for_the_next_comparison(house, start_gate):
    gate, key = start_gate(REVALIDATE_SECONDS="3600"), house.key()

    def shows(scope: str) -> bool:
        return authorize(gate, key.secret).headers["x-scopes"] == scope

    assert authorize(gate, key.secret).status == 204
    for number in range(8):
        scope = f"scope:{number}"
        ApiKey.objects.filter(pk=key.row.pk).update(scopes=[scope])
        assert not shows(scope)

        invalidation.keys_changed(key.row.pk)

        until(partial(shows, scope))


def test_unannounced_change_is_seen_within_two_seconds(house, own_gate):
    key = house.key()
    assert authorize(own_gate, key.secret).status == 204

    ApiKey.objects.filter(pk=key.row.pk).update(scopes=["other:scope"])

    with at_most(2):
        until(lambda: authorize(own_gate, key.secret).headers["x-scopes"] == "other:scope")


def test_nonsense_on_the_channel_is_ignored(house, own_gate, redis_client):
    secret = house.key().secret
    for message in (
        b"",
        b"x",
        b"[]",
        b'{"keys": "x"}',
        b'{"keys": [null, "7"]}',
        b'{"other": 1}',
        b'{"keys": 7}',
    ):
        redis_client.publish(f"{settings.REDIS_PREFIX}{invalidation.CHANNEL}", message)
    time.sleep(0.1)  # on a slow machine less is heard before the question

    assert authorize(own_gate, secret).status == 204
    assert "Traceback" not in own_gate.log.read_text()


def test_decisions_are_measured_by_outcome(house, own_gate):
    name = 'tollgate_gate_decision_seconds_count{outcome="%s"}'
    before = own_gate.metrics()

    authorize(own_gate, house.key().secret)
    authorize(own_gate)
    authorize(own_gate, house.key(enabled=False).secret)

    after = own_gate.metrics()
    for outcome in ("VALID", "MISSING", "DISABLED"):
        assert after[name % outcome] == before.get(name % outcome, 0) + 1
    assert after["tollgate_gate_redis_up"] == 1
    assert after["tollgate_gate_postgres_up"] == 1
    infinite = after['tollgate_gate_decision_seconds_bucket{outcome="VALID",le="+Inf"}']
    assert infinite == after[name % "VALID"]
