"""Liveness whatever is away, readiness only with everything, and metrics that Prometheus can read."""

import socket

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit import selectors
from config import health
from config.common import mail
from config.common.models import OutgoingMail
from tests.factories.audit import SecurityEventFactory
from tests.patience import Machine, at_most

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def black_hole():
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def _asked_in_time():
    """Ask whether all is well, which is answered in two seconds; again where the machine stood still meanwhile."""
    while True:
        with Machine() as machine, at_most(2):
            answer = Client().get("/readyz")
        if machine.stood_still < 0.5:
            return answer


def test_is_ready_when_everything_is_there(monkeypatch):
    monkeypatch.setattr(health, "_READY_SECONDS", 60)

    answer = Client().get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": {"database": "ok", "migrations": "ok", "redis": "ok"},
    }


@pytest.mark.parametrize("what", ["refused", "black hole"])
def test_names_a_missing_database_in_time(settings, black_hole, what):
    port = black_hole if what == "black hole" else 1
    settings.DATABASE_URL = f"postgresql://nobody@127.0.0.1:{port}/nothing"

    answer = _asked_in_time()

    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "unavailable"
    assert answer.json()["checks"]["redis"] == "ok"


@pytest.mark.parametrize("what", ["refused", "black hole"])
def test_names_a_missing_redis_in_time(settings, black_hole, what):
    port = black_hole if what == "black hole" else 1
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
    settings.REDIS_TIMEOUT_SECONDS = 1.0

    answer = _asked_in_time()

    assert answer.status_code == 503
    assert answer.json()["checks"]["redis"] == "unavailable"


def test_lives_without_anything(settings):
    settings.DATABASE_URL = "postgresql://nobody@127.0.0.1:1/nothing"
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    answer = Client().get("/healthz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_metrics_tell_how_many_calls_wait(redis_client, settings):
    redis_client.xadd(f"{settings.REDIS_PREFIX}usage", {"e": "[]"})

    text = Client().get("/metrics").content.decode()

    assert "tollgate_usage_stream_length 1\n" in text


def test_metrics_tell_of_mail_and_of_security():
    SecurityEventFactory.create(name="authz_fail", count=3)
    owed = mail.send(
        "accounts/welcome", to="nora@example.com", values={"user": User(full_name="N")}
    )
    OutgoingMail.objects.filter(pk=owed.pk).update(failed_at=timezone.now())

    text = Client().get("/metrics").content.decode()

    assert 'tollgate_mails{state="waiting"} 0\n' in text
    assert 'tollgate_mails{state="failed"} 1\n' in text
    assert 'tollgate_security_events{name="authz_fail",severity="WARNING"} 3\n' in text


def test_metrics_go_on_while_the_database_is_away(monkeypatch):
    def away(**_):
        raise OperationalError("the database is away")

    monkeypatch.setattr(selectors, "security_events_by_name", away)

    answer = Client().get("/metrics")

    assert answer.status_code == 200
    assert "tollgate_mails" not in answer.content.decode()
