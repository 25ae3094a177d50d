"""Every committed change is delivered, with one id, whatever is killed meanwhile; what was rolled back never is."""

import http.client
import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from audit.models import AuditLog
from organizations.services import organizations
from tests import servers
from tests.doubles.house import House
from tests.doubles.receiver import Call, Receiver, response, running_receiver
from tests.doubles.stack import Gate, Program, Stack
from webhooks.models import Status, WebhookDelivery, WebhookMessage
from webhooks.services import endpoints

PASSWORD = "four unrelated words here"
# A worker that died may have held a lease of sixty seconds; the sweep comes every three.
REDELIVERY_SECONDS = 60 + 5
# For starting a worker on a slow machine, and for handing out.
DISPATCH_SECONDS = 60


@pytest.fixture(scope="module")
def programs(house: House, stack: Stack) -> list[Program]:
    """Web, worker and clock."""
    call_command("sync_schedule", verbosity=0)
    return [stack.gate(), stack.worker(), stack.beat()]


@pytest.fixture
def receiver(house: House) -> Iterator[Receiver]:
    """The customer's endpoint, which wants changes of settings and is busy now and then."""
    with running_receiver() as running:
        running.answer = Busy()
        webhook, _ = endpoints.create_webhook(
            organization=house.organization,
            created_by=None,
            settings={"url": running.url(), "event_types": ["organization.updated"]},
        )
        yield running
        endpoints.delete_webhook(webhook=webhook)


class Busy:
    """Refuses every seventh message when it comes for the first time."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, call: Call) -> bytes:
        is_new = call.message_id not in self._seen
        self._seen.add(call.message_id)
        return response(503 if is_new and len(self._seen) % 7 == 3 else 200)


class Customer:
    """Renames an organization over the API, again and again, and keeps what was answered."""

    def __init__(self, house: House, gate: Gate, prefix: str) -> None:
        self._house, self._gate, self._prefix = house, gate, prefix
        self._token = ""
        self.accepted: set[str] = set()
        self.asked: set[str] = set()

    def rename(self, count: int) -> None:
        """Rename until so many changes were accepted."""
        number = 0
        while len(self.accepted) < count:
            number += 1
            name = f"{self._prefix}-{number}"
            self.asked.add(name)
            status = self._ask(
                "PATCH", f"/api/v1/organizations/{self._house.organization.pk}", {"name": name}
            )
            if status == 200:
                self.accepted.add(name)
            elif status == 401:
                self._sign_in()
            time.sleep(0.01)

    def roll_back(self, name: str) -> None:
        """Make a change that does not come to be."""
        with transaction.atomic():
            organizations.update_organization(
                organization=self._house.organization, changes={"name": name}
            )
            transaction.set_rollback(True)

    def _sign_in(self) -> None:
        body = {"email": self._house.owner.email, "password": PASSWORD}
        self._ask("POST", "/api/v1/auth/login", body)

    def _ask(self, method: str, path: str, body: dict[str, Any]) -> int:
        """Return the status; 0 when there was no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._gate.port, timeout=60)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        try:
            connection.request(method, path, json.dumps(body), headers)
            answer = connection.getresponse()
            told = json.loads(answer.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError):
            time.sleep(0.05)
            return 0
        finally:
            connection.close()
        self._token = told.get("access", self._token)
        return answer.status


def test_what_was_owed_while_nobody_worked_is_delivered(
    house: House,
    programs: list[Program],
    receiver: Receiver,
    redis_client: redis.Redis,
) -> None:
    gate, worker, beat = programs
    assert isinstance(gate, Gate)
    customer = Customer(house, gate, "short")
    worker.kill()
    client = threading.Thread(target=lambda: customer.rename(30), daemon=True)

    client.start()
    for victim in (gate, beat):
        time.sleep(0.5)
        customer.roll_back(f"undone-{victim.name}")
        victim.kill()
        servers.forget_redis_keys(redis_client, settings.REDIS_PREFIX)
        victim.start()
    worker.start()
    client.join(timeout=200)
    assert not client.is_alive(), "the changes were not accepted"

    require_every_committed_change(customer, receiver)


@pytest.mark.trial
@pytest.mark.timeout(900)
def test_a_thousand_changes_survive_every_kill(
    house: House,
    programs: list[Program],
    receiver: Receiver,
    redis_client: redis.Redis,
) -> None:
    gate = programs[0]
    assert isinstance(gate, Gate)
    customer = Customer(house, gate, "long")
    client = threading.Thread(target=lambda: customer.rename(1_000), daemon=True)
    dice = random.Random(1_000)  # noqa: S311  (the same kills every time)

    client.start()
    for number in range(40):
        time.sleep(dice.uniform(0.2, 2.0))
        customer.roll_back(f"undone-{number}")
        victim = dice.choice(programs)
        victim.kill()
        if number % 8 == 0:
            servers.forget_redis_keys(redis_client, settings.REDIS_PREFIX)
        victim.start()
    client.join(timeout=600)
    assert not client.is_alive(), "the changes were not accepted"

    require_every_committed_change(customer, receiver)


def require_every_committed_change(customer: Customer, receiver: Receiver) -> None:
    """Compare what the customer saw, what the audit log says, and what arrived."""
    wait_until_all_is_delivered()
    committed = names_in_the_audit_log(customer)
    arrived = defaultdict(set)
    for call in receiver.calls:
        arrived[json.loads(call.body)["data"]["after"]["name"]].add(call.message_id)
    assert customer.accepted <= committed <= customer.asked
    assert set(arrived) == committed
    assert {len(ids) for ids in arrived.values()} == {1}


def wait_until_all_is_delivered() -> None:
    """Wait as long as redelivery may take after the last restart."""
    deadline = time.monotonic() + REDELIVERY_SECONDS + DISPATCH_SECONDS
    while time.monotonic() < deadline:
        # In this order: what is handed out between the two questions is among the deliveries.
        is_handed_out = not WebhookMessage.objects.filter(fanned_out_at=None).exists()
        if is_handed_out and not WebhookDelivery.objects.filter(status=Status.PENDING).exists():
            return
        time.sleep(0.25)
    rows = WebhookDelivery.objects.filter(status=Status.PENDING).values()
    raise AssertionError(f"still waiting: {list(rows)[:5]}")


def names_in_the_audit_log(customer: Customer) -> set[str]:
    """Return what was committed, by another record than the outbox."""
    rows = AuditLog.objects.filter(event="organization.updated").values_list(
        "new_values", flat=True
    )
    return {row["name"] for row in rows if row and row.get("name") in customer.asked}
