"""The doctor names what is wrong and what mends it, and changes nothing."""

import base64
import contextlib
import inspect
import itertools
import os
import re
from dataclasses import replace
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import OperationalError as BrokerError

from apikeys.models import ApiKey
from audit import signing
from audit.models import AuditSeal
from config import checks as deployment_checks
from config.celery import app
from config.common import mail
from config.examinations import installation, keys
from tests.factories.apikeys import ApiKeyFactory
from tests.ports import free_port

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


def test_workers_that_cannot_be_asked_keep_nothing_else_from_being_looked_at(healthy, monkeypatch):
    def refuse(timeout):
        raise BrokerError("Error 111 connecting to localhost:6379.")

    monkeypatch.setattr(app.control, "ping", refuse)
    PeriodicTask.objects.filter(name="mail.sweep").delete()

    assert consult() == {
        "worker": (
            "Error 111 connecting to localhost:6379.",
            "start Tollgate (`make run`) or correct REDIS_URL",
        ),
        "schedule": ("without mail.sweep", "run manage.py sync_schedule"),
    }


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
    real = installation._installed
    monkeypatch.setattr(
        installation, "_installed", lambda name: "0.1" if name == "uvicorn" else real(name)
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


def sealed_by(key_id):
    AuditSeal.objects.create(
        chain=1,
        sequence=AuditSeal.objects.count() + 1,
        hash=b"h" * 32,
        kind="DAILY",
        sealed_at=timezone.now(),
        key_id=key_id,
        signature=b"s" * 64,
    )


def seed():
    return base64.b64encode(os.urandom(32)).decode()


def test_keys_that_seals_of_the_log_need_are_named(healthy, settings):
    settings.AUDIT_SIGNING_KEYS = [f"b:{seed()}", f"a:{seed()}"]
    for key_id in ("b", "lost", "derived-0123456789abcdef"):
        sealed_by(key_id)

    assert "ok     seals       key a can be removed from AUDIT_SIGNING_KEYS\n" in told()
    assert "WRONG  seals       needs lost, not configured\n" in told()
    assert "put lost back into AUDIT_SIGNING_KEYS" in told()
    assert "WRONG  seals       1 were signed under an earlier SECRET_KEY\n" in told()
    assert "put that value into SECRET_KEY_FALLBACKS" in told()


def test_what_depends_on_the_secret_key_is_told(healthy, settings):
    settings.AUDIT_SIGNING_KEYS, settings.GATEWAY_SIGNING_KEYS = [], [f"g:{seed()}"]
    settings.SECRET_KEY_FALLBACKS = ["earlier" * 9]
    sealed_by(signing.newest_key())
    said = told()

    assert f"seals       key {signing.newest_key()} signs; it made 1 of the seals kept\n" in said
    assert "AUDIT_SIGNING_KEYS is not set: derived from SECRET_KEY, it changes with that" in said
    assert "GATEWAY_SIGNING_KEYS is not set" not in said
    assert "ok     fallbacks   1 earlier SECRET_KEY still accepted\n" in said
    assert consult() == {}


def test_half_of_a_providers_secrets_is_not_enough(healthy, stripe_server, paypal_server, settings):
    webhook_secret, webhook_id = settings.STRIPE_WEBHOOK_SECRET, settings.PAYPAL_WEBHOOK_ID
    settings.STRIPE_WEBHOOK_SECRET = settings.PAYPAL_WEBHOOK_ID = ""

    assert consult() == {
        "stripe": ("incomplete", "set STRIPE_WEBHOOK_SECRET, or none of stripe's"),
        "paypal": ("incomplete", "set PAYPAL_WEBHOOK_ID, or none of paypal's"),
    }
    assert stripe_server.asked == paypal_server.asked == []

    settings.STRIPE_WEBHOOK_SECRET, settings.PAYPAL_WEBHOOK_ID = webhook_secret, webhook_id
    assert consult() == {}


def test_every_required_secret_is_looked_at():
    """A secret that the settings insist on has an examination, or a check of the deployment."""
    looked_at = "".join(map(inspect.getsource, (installation, keys, deployment_checks)))

    assert {"SECRET_KEY", "JWT_SIGNING_KEYS", "AUDIT_SIGNING_KEYS"} <= set(_SECRET_SETTINGS)
    assert [name for name in _SECRET_SETTINGS if name not in looked_at] == []


# What `.env.example` lists under its heading of secrets.
_EXAMPLE = (settings.BASE_DIR / ".env.example").read_text(encoding="utf-8")
_SECTION = _EXAMPLE.partition("# --- Secrets")[2].partition("# --- ")[0]
_SECRET_SETTINGS = [
    name
    for name in re.findall(r"^([A-Z_]+)=", _SECTION, re.MULTILINE)
    if name != "TOLLGATE_KEY_BRAND"
]


def test_unreachable_mail_server_is_named(healthy, settings):
    port = free_port()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port

    state, remedy = consult()["mail"]

    assert state.startswith(f"127.0.0.1:{port}: ")
    assert state.endswith("Connection refused")
    assert remedy == "correct EMAIL_URL or start the mail server"
