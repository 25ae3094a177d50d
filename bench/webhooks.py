"""How fast webhooks are delivered: signed, posted to a local receiver, every attempt recorded.

Run as `python -m bench.webhooks [--events 10000] [--rounds 5]`. One process sends, or two, on one core; the receiver,
PostgreSQL and Valkey have the other. Beside it: a Celery task per delivery with `requests`, and the bare client loop.
Then: how soon an event is posted at 500 a second, and what nine endpoints of ten keep while the tenth hangs.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import machine

machine.settle()

from bench import analytics_setup as setup  # noqa: E402  it starts the servers

import orjson  # noqa: E402  isort: skip
from django.db import connection  # noqa: E402  isort: skip
from django.utils import timezone  # noqa: E402  isort: skip

from bench import webhooks_pace as pace  # noqa: E402  isort: skip
from bench.webhooks_tasks import app, deliver  # noqa: E402  isort: skip
from config.common import http  # noqa: E402  isort: skip
from config.embedded.servers import free_port  # noqa: E402  isort: skip
from organizations.models import Organization  # noqa: E402  isort: skip
from webhooks.models import Status, WebhookAttempt, WebhookDelivery, WebhookMessage  # noqa: E402  isort: skip
from webhooks.services import fan_out, outbox, sending  # noqa: E402  isort: skip

CONNECTIONS = 10


@dataclass
class Line:
    """One contestant's rounds."""

    per_second: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)


def owe(count: int, organization: Organization) -> None:
    """Write so many events into the outbox."""
    at = timezone.now()
    data = {
        "organization_id": organization.pk,
        "api_key_id": 42,
        "key_name": "Checkout",
        "environment": "live",
    }
    WebhookMessage.objects.bulk_create(
        (
            WebhookMessage(
                message_id=outbox.new_message_id(),
                organization=organization,
                event_type="api_key.created",
                payload=outbox.payload_of("api_key.created", at, data),
                occurred_at=at,
            )
            for _ in range(count)
        ),
        batch_size=2_000,
    )  # fmt: skip


def forget() -> None:
    """Empty the tables of what is sent."""
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE webhooks_webhookattempt, webhooks_webhookdelivery, webhooks_webhookmessage"
        )


def on_server_core(work: Callable[[], object]) -> None:
    """Let this process work where servers do."""
    os.sched_setaffinity(0, {machine.SERVER_CORE})
    try:
        work()
    finally:
        os.sched_setaffinity(0, {machine.LOAD_CORE})


def measure(line: Line, count: int, work: Callable[[], None]) -> None:
    """Time one round in this process."""
    with setup.quietly():
        started, used = time.perf_counter(), time.process_time()
        on_server_core(work)
        line.per_second.append(count / (time.perf_counter() - started))
        line.cpu_us.append((time.process_time() - used) / count * 1e6)


def ours(line: Line, count: int, organization: Organization, *, senders: int) -> None:
    """Outbox → deliveries → POSTs → attempts, by so many processes on one core."""
    with setup.quietly(), pace.sending(senders, 60) as begin:
        owe(count, organization)
        started, used = time.perf_counter(), begin.cpu_seconds()
        begin()
        while not pace.is_all_settled():
            time.sleep(0.02)
        line.per_second.append(count / (time.perf_counter() - started))
        line.cpu_us.append((begin.cpu_seconds() - used) / count * 1e6)
    assert WebhookAttempt.objects.count() == count
    assert WebhookDelivery.objects.filter(status=Status.SUCCEEDED).count() == count
    forget()


def bare(line: Line, count: int, url: str) -> None:
    """The client alone: no database, no signature."""
    body = orjson.dumps(
        {"type": "api_key.created", "data": {"api_key_id": 42, "key_name": "Checkout"}}
    )

    async def loop() -> None:
        left = iter(range(count))

        async def one(client: http.Client) -> None:
            for _ in left:
                answer = await client.post(
                    url, headers={"Content-Type": "application/json"}, body=body
                )
                assert answer.status == 200

        async with http.Client() as client:
            await asyncio.gather(*(one(client) for _ in range(CONNECTIONS)))

    measure(line, count, lambda: asyncio.run(loop()))


def tasks(line: Line, count: int, organization: Organization) -> None:
    """A worker process that is given a task per delivery."""
    owe(count, organization)
    while fan_out.fan_out(at=timezone.now()):
        pass
    with setup.quietly(), worker() as process:
        with app.connection_for_write() as broker:
            for pk in WebhookDelivery.objects.values_list("pk", flat=True):
                deliver.apply_async((pk,), connection=broker)  # type: ignore[call-arg]  # not in the stubs
        started, used = time.perf_counter(), machine.cpu_seconds([process.pid])
        done = WebhookDelivery.objects.filter(status=Status.SUCCEEDED)
        before = done.count()
        while done.count() < count:
            time.sleep(0.05)
        line.per_second.append((count - before) / (time.perf_counter() - started))
        line.cpu_us.append((machine.cpu_seconds([process.pid]) - used) / (count - before) * 1e6)
    forget()


@contextmanager
def worker() -> "Iterator[subprocess.Popen[bytes]]":
    """One Celery worker process on the server's core, warm."""
    command = [
        *(sys.executable, "-m", "celery", "--quiet", "-A", "bench.webhooks_tasks", "worker"),
        *("--pool", "prefork", "--concurrency", "1", "--without-gossip", "--without-mingle"),
        *("--without-heartbeat", "--loglevel", "ERROR"),
    ]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        time.sleep(6)
        machine.pin(process.pid)
        yield process
    finally:
        # Its own group: the worker's children go with it.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def receiver() -> Iterator[str]:
    """The endpoint in a process of its own."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("webhooks_receiver.py")), str(port)]
    )
    try:
        time.sleep(1)
        yield f"http://127.0.0.1:{port}/hook"
    finally:
        process.kill()
        process.wait()


def beside_one_that_hangs(customers: list[Organization], url: str, count: int) -> float:
    """Return what share of their pace nine endpoints keep when the tenth never answers."""
    rates = []
    for tenth in (url, url.replace("/hook", "/hang")):
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE webhooks_webhook CASCADE")
        for number, organization in enumerate(customers):
            pace.listen(organization, url if number else tenth, concurrency=2)
        forget()
        for _ in range(count // 500):
            for organization in customers:
                owe(500 // pace.ENDPOINTS, organization)
        with setup.quietly():
            # Well before a request that hangs is given up, so that what is counted is the others' work.
            on_server_core(lambda: sending.drain(seconds=10))
        # The same nine in both cases: the tenth's own deliveries are no loss of theirs.
        rates.append(pace.per_second_of(customers[1:]))
    forget()
    return rates[1] / rates[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    setup.people()
    customers = pace.customers()
    organization = customers[0]
    names = (
        "Tollgate, one sender",
        "Tollgate, two senders on one core",
        "bare client loop",
        "a Celery task each, requests",
    )
    lines = {name: Line() for name in names}
    with receiver() as url:
        pace.listen(organization, url, concurrency=CONNECTIONS)
        forget()
        ours(Line(), 1_000, organization, senders=1)
        for _ in range(options.rounds):
            ours(lines[names[0]], options.events, organization, senders=1)
            ours(lines[names[1]], options.events, organization, senders=2)
            bare(lines[names[2]], options.events, url)
            tasks(lines[names[3]], min(2_000, options.events), organization)
        report(names, lines)
        forget()
        waited = pace.delays(organization, seconds=options.events / 1_000)
        forget()
        shares = [
            beside_one_that_hangs(customers, url, options.events) for _ in range(options.rounds)
        ]
    print(f"Event to request at 500 a second: {pace.shown(waited)}")
    print(f"What nine endpoints keep while the tenth hangs: {setup.median(shares):.2f}")


def report(names: tuple[str, ...], lines: dict[str, Line]) -> None:
    """Print the table."""
    yardstick = setup.median(lines[names[-1]].per_second)
    setup.table(
        ("", "deliveries/s", "CPU µs of the sender", "× a task each"),
        [
            (
                name,
                f"{setup.median(line.per_second):,.0f}",
                f"{setup.median(line.cpu_us):.0f}",
                f"{setup.median(line.per_second) / yardstick:.1f}",
            )
            for name, line in lines.items()
        ],
    )


if __name__ == "__main__":
    main()
