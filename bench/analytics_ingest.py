"""How fast usage is ingested: events per second from the stream into log and roll-ups, beside COPY and the ORM.

Run as `python -m bench.analytics_ingest [--events 200000] [--rounds 5]`.
"""

import argparse
import datetime as dt
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench import analytics_setup as setup  # first: it starts the servers

import orjson  # isort: skip
from django.db import transaction  # isort: skip

from analytics.metering import stream  # isort: skip
from analytics.metering.events import Call, decode  # isort: skip
from analytics.models import ApiUsageLog  # isort: skip
from analytics.services import calls, ingest, partitions  # isort: skip
from config.common import memory, redis  # isort: skip

AGENT = "curl/8.5.0 (x86_64-pc-linux-gnu) libcurl/8.5.0 OpenSSL/3.0.13"


@dataclass
class Line:
    """One contestant's rounds."""

    per_second: list[float] = field(default_factory=list)
    python_us: list[float] = field(default_factory=list)
    postgres_us: list[float] = field(default_factory=list)


def event() -> list[object]:
    """Return one event of a random key."""
    key = random.randrange(1, setup.KEYS + 1)
    return [
        *(secrets.token_hex(16), key % setup.ORGANIZATIONS + 1, key, 1, 0, "GET"),
        f"/v1/{random.choice(('orders', 'customers', 'invoices'))}/{random.randrange(10**6)}",
        random.choices(("VALID", "RATE_LIMITED"), (95, 5))[0],
        *(1, f"203.0.113.{key % 250}", AGENT, None, "live", 0),
    ]


def measure(line: Line, count: int, work: Callable[[], object]) -> None:
    """Time one round of one contestant."""
    with setup.quietly():
        started, python, postgres = (
            time.perf_counter(),
            time.process_time(),
            setup.backend_cpu_seconds(),
        )
        work()
        line.per_second.append(count / (time.perf_counter() - started))
        line.python_us.append((time.process_time() - python) / count * 1e6)
        line.postgres_us.append((setup.backend_cpu_seconds() - postgres) / count * 1e6)


def fresh_calls(count: int) -> list[Call]:
    """Return calls as ingestion decodes them."""
    now = int(time.time() * 1000)
    return [decode(orjson.dumps(event()), at_ms=now) for _ in range(count)]


def copy_only(batch: list[Call]) -> Callable[[], None]:
    """Return what copies rows into the indexed partition and does nothing else, from finished text."""
    texts = [
        calls.rows_of(part, [f"GET {call.path}" for call in part])
        for part in (batch[at : at + 10_000] for at in range(0, len(batch), 10_000))
    ]

    def work() -> None:
        for text in texts:
            with transaction.atomic():
                calls.append(text)

    return work


def by_orm(batch: list[Call]) -> Callable[[], object]:
    """Return what writes the same rows by bulk_create, without any roll-up."""
    at = dt.datetime.now(dt.UTC)
    rows = [
        ApiUsageLog(
            request_id=call.request_id,
            at=at,
            organization_id=call.organization_id,
            api_key_id=call.key_id,
            environment=call.environment,
            method=call.method,
            path=call.path,
            route=call.path,
            outcome=call.outcome,
            units=call.units,
            address=call.address,
            user_agent=call.user_agent,
        )
        for call in batch
    ]
    return lambda: ApiUsageLog.objects.bulk_create(rows, batch_size=2_000)


def fill_stream(count: int) -> None:
    """Write events as the gate does."""
    pipeline = redis.client().pipeline(transaction=False)
    for number in range(count):
        pipeline.xadd(redis.key("usage"), {"e": orjson.dumps(event())})
        if number % 5_000 == 4_999:
            pipeline.execute()
    pipeline.execute()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    setup.people()
    partitions.create_ahead(today=dt.datetime.now(dt.UTC).date())
    memory.settle()
    names = (
        "stream → log and roll-ups",
        "COPY into the indexed partition",
        "bulk_create, log only",
    )
    lines = {name: Line() for name in names}
    for _ in range(options.rounds):
        fill_stream(options.events)
        measure(lines[names[0]], options.events, ingest.drain)
        assert stream.length() == 0
        measure(lines[names[1]], options.events, copy_only(fresh_calls(options.events)))
        few = min(20_000, options.events)
        measure(lines[names[2]], few, by_orm(fresh_calls(few)))
    limit = setup.median(lines[names[1]].per_second)
    setup.table(
        ("", "events/s", "CPU µs Python", "CPU µs PostgreSQL", "÷ COPY"),
        [
            (
                name,
                f"{setup.median(line.per_second):,.0f}",
                f"{setup.median(line.python_us):.1f}",
                f"{setup.median(line.postgres_us):.1f}",
                f"{setup.median(line.per_second) / limit:.2f}",
            )
            for name, line in lines.items()
        ],
    )


if __name__ == "__main__":
    main()
