"""The doctor names what is wrong and what mends it, and changes nothing."""

import contextlib
import itertools
import re
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apikeys.models import ApiKey
from config.celery import app
from config.common import mail
from config.embedded.servers import free_port
from config.management.commands import doctor
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _one_worker(monkeypatch):
    """Let a worker answer; asking the real ones takes a second per test."""
    monkeypatch.setattr(app.control, "ping", lambda timeout: [{"worker": {"ok": "pong"}}])


def consult():
    """Return what the doctor finds wrong, with its remedies, and the last line."""
    told = StringIO()
    try:
        call_command("doctor", stdout=told)
        status = 0
    except SystemExit as ended:
        status = int(str(ended.code))
    lines = told.getvalue().splitlines()
    wrong = {}
    for line, after in itertools.pairwise(lines):
        if found := re.match(r"WRONG +(\w+) +(.*)", line):
            wrong[found.group(1)] = (found.group(2), after.partition("→ ")[2])
    assert status == (1 if wrong else 0)
    return wrong


@pytest.fixture
def healthy(settings, tmp_path):
    settings.PUBLIC_URL = "https://testserver"
    settings.EMBEDDED = True
    settings.PLACE = replace(settings.PLACE, local=tmp_path)
    settings.PLACE.secrets()
    call_command("sync_schedule", verbosity=0)


def test_nothing_is_wrong_with_a_healthy_installation(healthy):
    assert consult() == {}


def test_missing_and_switched_off_jobs_are_named(healthy):
    PeriodicTask.objects.filter(name="mail.sweep").update(enabled=False)
    assert consult() == {
        "schedule": ("switched off: mail.sweep", "switch them on in the admin"),
    }

    PeriodicTask.objects.filter(name="mail.sweep").delete()
    assert consult() == {"schedule": ("without mail.sweep", "run manage.py sync_schedule")}


def test_missing_worker_is_named(healthy, monkeypatch):
    monkeypatch.setattr(app.control, "ping", lambda timeout: [])

    assert consult() == {"worker": ("none answers", "start one: celery --app config worker")}


def test_unreachable_redis_is_named(healthy, settings):
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"

    state, remedy = consult()["redis"]

    assert "Connection refused" in state
    assert remedy == "start Tollgate (`make run`) or correct REDIS_URL"


def test_unreachable_database_is_named(healthy, monkeypatch):
    def refuse():
        raise OperationalError("connection refused\nand more")

    monkeypatch.setattr(connection, "cursor", refuse)

    assert consult()["database"] == (
        "connection refused",
        "start Tollgate (`make run`) or correct DATABASE_URL",
    )


def test_public_address_must_be_answered(healthy, settings):
    settings.PUBLIC_URL = "https://elsewhere.example"

    assert consult() == {
        "address": ("https://elsewhere.example", "add elsewhere.example to ALLOWED_HOSTS"),
    }


def test_foreign_version_is_named(healthy, monkeypatch):
    real = doctor._installed
    monkeypatch.setattr(
        doctor, "_installed", lambda name: "0.1" if name == "uvicorn" else real(name)
    )

    assert consult() == {
        "packages": ("not as pinned: uvicorn[standard]==0.54.0", "run `make run` again"),
    }


def test_readable_secrets_are_named(healthy, settings):
    path = settings.PLACE.secrets_file
    path.chmod(0o644)

    assert consult() == {"secrets": (str(path), f"run chmod 600 {path}")}


def told():
    """Return all that the doctor says."""
    said = StringIO()
    with contextlib.suppress(SystemExit):
        call_command("doctor", stdout=said)
    return said.getvalue()


def test_old_keys_that_hold_nothing_can_be_removed(healthy):
    said = told()

    assert "ok     encryption  key e2 holds 0 secrets\n" in said
    assert "ok     encryption  key e1 can be removed from ENCRYPTION_KEYS\n" in said
    assert "ok     peppers     pepper 1 can be removed from KEY_PEPPERS\n" in said


def test_secrets_of_an_old_key_are_named(healthy, settings):
    newest, older = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [older]
    mail.send("accounts/verify_email", to="a@b.test", values={"token": "x"})
    settings.ENCRYPTION_KEYS = [newest, older]
    assert consult() == {
        "encryption": ("old key e1 still holds 1 secrets", "run manage.py rotate_secrets")
    }

    settings.ENCRYPTION_KEYS = [newest]
    assert consult() == {
        "encryption": ("needs e1, not configured", "put e1 back into ENCRYPTION_KEYS")
    }


def test_peppers_that_keys_need_are_counted(healthy, settings, organization):
    newest, older = settings.KEY_PEPPERS
    settings.KEY_PEPPERS = [older]
    key = ApiKeyFactory.create(organization=organization)
    settings.KEY_PEPPERS = [newest, older]
    assert "ok     peppers     pepper 1 serves 1 key secrets until they are rotated\n" in told()

    settings.KEY_PEPPERS = [newest]
    assert consult() == {"peppers": ("needs 1, not configured", "put 1 back into KEY_PEPPERS")}

    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    assert consult() == {}


def test_signing_keys_that_may_go_are_named(healthy, settings):
    settings.JWT_SIGNING_KEYS = ["20260101:x", "20250101:x"]

    assert "ok     signing     key 20250101 can be removed from JWT_SIGNING_KEYS\n" in told()


def test_unreachable_mail_server_is_named(healthy, settings):
    port = free_port()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port

    state, remedy = consult()["mail"]

    assert state.startswith(f"127.0.0.1:{port}: ")
    assert state.endswith("Connection refused")
    assert remedy == "correct EMAIL_URL or start the mail server"
