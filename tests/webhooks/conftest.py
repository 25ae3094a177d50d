"""Endpoints, one of which listens, who looks at them, and a clock that stands still until it is told to move."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.utils import timezone

from organizations.services import suspension
from tests.doubles.receiver import Receiver, running_receiver
from tests.factories.webhooks import WebhookFactory
from webhooks.models import Webhook, WebhookMessage
from webhooks.services import sending, testing


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


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody vouches for, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + signed.public_bytes(Encoding.PEM))
    return path


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
