"""How soon an event is posted at 500 a second, and what healthy endpoints keep beside some that hang."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from statistics import median, quantiles

from django.db import connection, transaction
from django.db.models import F, Max, Min
from django.utils import timezone

from bench import analytics_setup as setup
from bench import machine
from billing.services import subscriptions
from config.common.events import DomainEvent
from organizations.models import Organization
from organizations.signals import MemberAdded
from webhooks.models import Outcome, Status, WebhookAttempt, WebhookDelivery, WebhookMessage
from webhooks.services import endpoints, outbox

ENDPOINTS = 10
_RATE = 500
_WRITERS = 4


def customers() -> list[Organization]:
    """Return organizations whose plan allows webhooks."""
    found = list(Organization.objects.order_by("pk")[:ENDPOINTS])
    for one in found:
        subscriptions.subscribe(organization_id=one.pk, plan_code="PRO", at=timezone.now())
    return found


def listen(organization: Organization, url: str, *, concurrency: int) -> None:
    """Make an endpoint that gets every event of the organization."""
    endpoints.create_webhook(
        organization=organization,
        created_by=None,
        settings={"url": url, "concurrency": concurrency},
    )


def delays(organization: Organization, *, seconds: float) -> list[float]:
    """Commit events at an even pace and return, in ms, how long after each began the request about it did.

    The pace is kept by the clock: while one commit waits for the disk, others go on.
    """
    event: DomainEvent = MemberAdded(organization_id=organization.pk, user_id=1, role="MEMBER")
    count = int(_RATE * seconds)

    def write(first: int) -> None:
        for number in range(first, count, _WRITERS):
            time.sleep(max(began + number / _RATE - time.perf_counter(), 0))
            with transaction.atomic():
                outbox.owe(event, at=timezone.now())
        connection.close()

    with (
        setup.quietly(),
        sending(1, seconds + 3) as begin,
        ThreadPoolExecutor(_WRITERS) as writers,
    ):
        begin()
        began = time.perf_counter()
        list(writers.map(write, range(_WRITERS)))
        took = time.perf_counter() - began
        time.sleep(2)
    if took > seconds * 1.1:
        print(f"The events came at {count / took:.0f} a second only.")
    waited = WebhookAttempt.objects.values_list(
        F("at") - F("delivery__message__occurred_at"), flat=True
    )
    assert len(waited) == count
    return sorted(one / timedelta(milliseconds=1) for one in waited)


def per_second_of(organizations: list[Organization]) -> float:
    """Return how many deliveries a second these had accepted, from the first request to the last that was."""
    accepted = WebhookAttempt.objects.filter(
        webhook__organization__in=organizations, outcome=Outcome.SUCCEEDED
    )
    span = accepted.aggregate(first=Min("at"), last=Max("at"))
    seconds: float = (span["last"] - span["first"]) / timedelta(seconds=1)
    return accepted.count() / seconds


def shown(waited: list[float]) -> str:
    """Return the middle and the tail of delays in words."""
    return f"p50 {median(waited):.1f} ms, p99 {quantiles(waited, n=100)[-1]:.1f} ms"


@contextmanager
def sending(count: int, seconds: float) -> Iterator["Senders"]:
    """Have so many processes ready to send, all on one core."""
    command = [sys.executable, "-m", "bench.webhooks_drain", str(seconds)]
    environment = {**os.environ, "WEBHOOK_SENDERS": str(count)}
    found = [
        subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        for _ in range(count)
    ]
    try:
        for process in found:
            assert process.stdout is not None
            process.stdout.readline()
        yield Senders(found)
    finally:
        for process in found:
            process.kill()
            process.communicate()


@dataclass
class Senders:
    """Processes that wait for the word; called, they begin."""

    processes: "list[subprocess.Popen[bytes]]"

    def __call__(self) -> None:
        """Give the word."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()

    def cpu_seconds(self) -> float:
        """Return the processor time that they have used so far."""
        return machine.cpu_seconds([process.pid for process in self.processes])


def is_all_settled() -> bool:
    """Whether every event is handed out, and every delivery recorded."""
    to_do = WebhookMessage.objects.filter(fanned_out_at=None).exists()
    return not to_do and not WebhookDelivery.objects.filter(status=Status.PENDING).exists()
