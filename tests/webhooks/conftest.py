"""Endpoints, one of which listens, who looks at them, and a clock that stands still until it is told to move."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from organizations.services import suspension
from tests.doubles.certificate import certificate
from tests.doubles.receiver import Receiver, running_receiver
from tests.factories.webhooks import WebhookFactory
from webhooks.models import Webhook, WebhookMessage
from webhooks.services import sending, testing

__all__ = ["certificate"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An endpoint of the customer's."""
    with running_receiver() as running:
        yield running


@dataclass
class Clock:
    """The time as the engine sees it."""

    now: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    """A clock of the test's own."""
    return Clock()


@pytest.fixture
def drain(clock):
    """Send what is due by the test's clock, without jitter."""

    def send() -> int:
        return sending.drain(clock=clock, dice=lambda: 0.5)

    return send


@pytest.fixture
def endpoint(organization, receiver):
    """Make an endpoint at a path of the receiver; what happened before it is not owed to it."""

    def make(path: str = "/hook", **settings) -> Webhook:
        webhook = WebhookFactory.create(
            organization=settings.pop("organization", organization),
            url=receiver.url(path),
            **settings,
        )
        WebhookMessage.objects.filter(fanned_out_at=None).delete()
        return webhook

    return make


@pytest.fixture
def change(organization):
    """Do something that is told, and return the message; it can be moved to another time."""

    def happen(*, at: datetime | None = None, reason: str = "unpaid") -> WebhookMessage:
        suspension.suspend(organization=organization, reason=reason)
        suspension.reinstate(organization=organization)
        told = WebhookMessage.objects.filter(event_type="organization.suspended")
        message = told.latest("id")
        if at is not None:
            told.filter(pk=message.pk).update(occurred_at=at)
        return message

    return happen


@pytest.fixture
def mia_browses(portal_as, mia):
    """The browser of somebody who changes webhooks."""
    return portal_as(mia)


@pytest.fixture
def vera_browses(portal_as, vera):
    """The browser of somebody who only reads."""
    return portal_as(vera)


@pytest.fixture
def webhook(organization):
    """An endpoint of the organization's that nothing is owed to yet."""
    webhook = WebhookFactory.create(
        organization=organization, description="Books", headers={"X-Token": "s3cret-value"}
    )
    WebhookMessage.objects.all().delete()
    return webhook


@pytest.fixture
def delivery(webhook):
    """A test event that waits to be sent to it."""
    return testing.send_test(webhook=webhook, at=timezone.now())
