"""A Valkey that comes back with the counters of an old snapshot: what was used since is not given again."""

import os
import time
from urllib.parse import urlsplit

import orjson
import pytest
import redis
from django.conf import settings
from django.utils import timezone

from apikeys.models import KeyUsage
from tests import servers
from tests.doubles.callers import Callers
from tests.doubles.faults import Fault, way_to_postgresql
from tests.gate.asking import authorize
from tests.patience import until

MICRO = 1_000_000
_QUOTA = {"quota_limit": 20, "quota_period": "month"}
LIMITS = {**_QUOTA, "credits_micro": 30 * MICRO}


@pytest.fixture
def observer(valkey):
    """An observer of it."""
    with redis.Redis(port=valkey.port, password=servers.PASSWORD) as observer:
        yield observer


@pytest.fixture(scope="module")
def way():
    """A way to PostgreSQL."""
    with way_to_postgresql() as way:
        yield way


@pytest.fixture(scope="module")
def own_gate(start_gate, valkey, way):
    """A gate that counts there."""
    there = urlsplit(os.environ["DATABASE_URL"])
    netloc = there.netloc.replace(str(there.port), str(way.port))
    return start_gate(
        REDIS_URL=f"redis://:{servers.PASSWORD}@127.0.0.1:{valkey.port}/0",
        DATABASE_URL=there._replace(netloc=netloc).geturl(),
    )


def _counters(observer):
    """Return what every counter says and how long it lives."""
    names = sorted(observer.scan_iter(f"{settings.REDIS_PREFIX}[qc]:*"))
    return {name: (int(observer.get(name)), observer.expiretime(name)) for name in names}


def _restore(valkey, observer, snapshot):
    """Start the server anew with the counters of a snapshot in place of its own."""
    for name, (used, _) in snapshot.items():
        observer.set(name, used, keepttl=True)
    valkey.stop()
    valkey.start()
    valkey.wait()


def _use(gate, key, calls):
    return [authorize(gate, key.secret).status for _ in range(calls)]


def _ingested(key, units):
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    KeyUsage.objects.create(
        api_key=key.row, organization=key.row.organization, hour=hour, units=units
    )


def _left(gate, key):
    """Make one call and return what it leaves of quota and credits."""
    answer = authorize(gate, key.secret)
    assert answer.status == 204
    quota = answer.headers["ratelimit"].split('"month";r=')[1].split(";")[0]
    return quota, answer.headers["x-credits-remaining"]


def _is_linked(gate):
    return gate.metrics()["tollgate_gate_redis_up"] == 1


def _is_believed(observer):
    run = observer.info("server")["run_id"]
    return observer.get(f"{settings.REDIS_PREFIX}run") == run.encode()


def test_what_was_used_since_is_not_given_again(house, own_gate, valkey, observer):
    key, other = house.key(**LIMITS), house.key(**LIMITS)
    assert _use(own_gate, key, 2) + _use(own_gate, other, 5) == [204] * 7
    snapshot = _counters(observer)
    assert _use(own_gate, key, 9) == [204] * 9
    _ingested(key, 11)

    _restore(valkey, observer, snapshot)
    until(lambda: _is_believed(observer) and _is_linked(own_gate))

    assert {name: ends for name, (_, ends) in _counters(observer).items()} == {
        name: ends for name, (_, ends) in snapshot.items()
    }
    assert _left(own_gate, key) == ("8", "18")
    # Of the other one PostgreSQL knows less than the server does.
    assert _left(own_gate, other) == ("14", "24")


def test_what_passed_meanwhile_counts_in_a_server_that_comes_back_empty(
    house, own_gate, valkey, observer
):
    key, idle = house.key(**_QUOTA), house.key(**_QUOTA)
    assert _use(own_gate, key, 2) + _use(own_gate, idle, 2) == [204] * 4
    _ingested(key, 2)
    observer.flushall()
    valkey.stop()
    until(lambda: not _is_linked(own_gate))

    assert _use(own_gate, key, 5) == [204] * 5
    valkey.start()
    valkey.wait()
    until(lambda: _is_linked(own_gate))

    assert until(lambda: _counted(observer, key)) == 7
    assert not _counted(observer, idle)
    until(lambda: _events(observer, key) == 5, "the events were not written")
    assert _counted(observer, key) == 7


def _counted(observer, key):
    (counter,) = [*observer.scan_iter(f"*q:k:{key.row.pk}:*"), ""][:1]
    return int(observer.get(counter) or 0)


def _events(observer, key):
    events = observer.xrange(f"{settings.REDIS_PREFIX}usage")
    return [orjson.loads(fields[b"e"])[2] for _, fields in events].count(key.row.pk)


def test_nothing_is_believed_while_postgres_cannot_be_asked(house, own_gate, valkey, observer, way):
    paid, free = house.key(credits_micro=30 * MICRO), house.key()
    assert _use(own_gate, paid, 1) + _use(own_gate, free, 1) == [204, 204]
    way.break_by(Fault.REFUSED)
    try:
        _restore(valkey, observer, _counters(observer))
        until(lambda: "cmdstat_scan" in observer.info("commandstats"), "the gate did not come")
        refused = _use(own_gate, paid, 3) + _use(own_gate, free, 3)
        was_linked = _is_linked(own_gate)
    finally:
        way.heal()
    until(lambda: _is_linked(own_gate))

    assert (refused, was_linked) == ([503] * 3 + [204] * 3, False)
    assert _use(own_gate, paid, 1) == [204]


def test_a_lease_of_the_run_before_is_not_handed_back(house, own_gate, valkey, observer):
    key = house.key(quota_limit=10**6, quota_period="month")
    until(lambda: _is_linked(own_gate))
    callers = Callers([own_gate.port], [key.secret], uri="/leased/x")
    with callers.meanwhile(connections=8):
        until(lambda: len(callers.tally.answers) > 2_000)
        valkey.stop()
    _ingested(key, 500_000)
    valkey.start()
    valkey.wait()
    until(lambda: _is_believed(observer) and _is_linked(own_gate))
    time.sleep(
        0.4
    )  # longer than a lease is kept; a slow machine hands back later, and the test says less

    (used,) = [
        used for name, (used, _) in _counters(observer).items() if f"q:k:{key.row.pk}:" in str(name)
    ]
    assert used >= 500_000


def test_a_server_that_does_not_tell_its_run_is_believed(house, start_gate, valkey, observer):
    observer.acl_setuser("blind", enabled=True, passwords=["+x"], commands=["+@all", "-info"], keys=["*"], channels=["*"])  # fmt: skip
    gate = start_gate(REDIS_URL=f"redis://blind:x@127.0.0.1:{valkey.port}/0")

    assert _left(gate, house.key(**LIMITS)) == ("19", "29")
    assert "redis_counters_not_compared" in gate.log.read_text()
