"""Secrets at rest move to the newest key while everybody goes on working; nothing written meanwhile is lost."""

import base64
import threading
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, models
from django.utils import timezone

from accounts.models import TotpDevice
from accounts.models.factors import SEED_PURPOSE
from config.common import crypto, rotation
from config.common.columns import EncryptedTextField, encrypted_columns
from config.common.models import MAIL_BODY, OutgoingMail
from tests.factories.accounts import UserFactory

OLD = "e1:" + base64.b64encode(b"1" * 32).decode()
NEW = "e2:" + base64.b64encode(b"2" * 32).decode()
OTHER = "e9:" + base64.b64encode(b"9" * 32).decode()
BODIES = OutgoingMail._meta.get_field("body_encrypted")


@pytest.fixture
def with_keys(settings):
    def configure(*keys):
        settings.ENCRYPTION_KEYS = list(keys)

    return configure


def owed(count, text="a secret"):
    """Owe some messages, encrypted with the newest key of the moment."""
    return [
        OutgoingMail.objects.create(
            kind="test",
            recipient="a@example.com",
            subject="Test",
            body_encrypted=crypto.encrypt(f"{text} {number}", purpose=MAIL_BODY),
            next_attempt_at=timezone.now(),
        )
        for number in range(count)
    ]


def texts():
    """Return what is in the messages, after decryption."""
    rows = OutgoingMail.objects.order_by("pk").values_list("body_encrypted", flat=True)
    return [crypto.decrypt(text, purpose=MAIL_BODY) for text in rows]


def run(**options):
    told = StringIO()
    try:
        call_command("rotate_secrets", stdout=told, **options)
        status = 0
    except SystemExit as ended:
        status = int(str(ended.code))
    return status, told.getvalue()


def test_every_encrypted_column_is_marked_as_one(django_db_setup):
    from django.apps import apps  # noqa: PLC0415

    named = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.local_fields
        if field.name.endswith("_encrypted") and isinstance(field, models.Field)
    }

    marked = {rotation.name_of(column) for column in encrypted_columns()}
    assert named == marked
    assert {"accounts.TotpDevice.seed_encrypted", "common.OutgoingMail.body_encrypted"} <= marked


def test_purposes_are_distinct():
    purposes = [column.purpose for column in encrypted_columns()]

    assert all(purposes)
    assert len(set(purposes)) == len(purposes)


def test_migrations_see_a_plain_text():
    assert EncryptedTextField(purpose="x").deconstruct()[1:] == (
        "django.db.models.TextField",
        [],
        {},
    )


@pytest.mark.django_db
def test_everything_moves_to_the_newest_key(with_keys):
    with_keys(OLD)
    owed(7)
    person = UserFactory.create()
    device = TotpDevice.objects.create(
        user=person, name="app", seed_encrypted=crypto.encrypt("ab" * 20, purpose=SEED_PURPOSE)
    )
    with_keys(NEW, OLD)

    status, told = run(batch=3)

    assert status == 0
    assert "common.OutgoingMail.body_encrypted: 7 encrypted again\n" in told
    assert "accounts.TotpDevice.seed_encrypted: 1 encrypted again\n" in told
    assert told.endswith(
        "Key e2 holds every secret at rest.\nKey e1 can be removed from ENCRYPTION_KEYS.\n"
    )
    with_keys(NEW)
    device.refresh_from_db()
    assert texts() == [f"a secret {number}" for number in range(7)]
    assert device.seed == bytes.fromhex("ab" * 20)


@pytest.mark.django_db
def test_a_dry_run_only_counts(with_keys):
    with_keys(OLD)
    owed(2)
    with_keys(NEW, OLD)
    before = list(OutgoingMail.objects.values_list("body_encrypted", flat=True))

    status, told = run(dry_run=True)

    assert status == 0
    assert told == (
        "common.OutgoingMail.body_encrypted: 2 with key e1\n2 secrets are not held by key e2.\n"
    )
    assert list(OutgoingMail.objects.values_list("body_encrypted", flat=True)) == before


@pytest.mark.django_db
def test_what_is_new_already_or_empty_is_left_alone(with_keys):
    with_keys(NEW, OLD)
    (mail, _) = owed(2)
    OutgoingMail.objects.filter(pk=mail.pk).update(body_encrypted="")
    before = list(OutgoingMail.objects.order_by("pk").values_list("body_encrypted", flat=True))

    assert rotation.rotate(BODIES, batch=10) == rotation.Progress(rotation.name_of(BODIES))

    after = list(OutgoingMail.objects.order_by("pk").values_list("body_encrypted", flat=True))
    assert after == before


@pytest.mark.django_db
def test_what_cannot_be_read_is_reported_and_kept(with_keys):
    with_keys(OTHER)
    (lost,) = owed(1)
    with_keys(OLD)
    owed(2)
    with_keys(NEW, OLD)

    status, told = run()

    assert status == 1
    assert "2 encrypted again, 1 unreadable" in told
    assert "common.OutgoingMail.body_encrypted: 1 with key e9, which is not configured" in told
    kept = OutgoingMail.objects.get(pk=lost.pk).body_encrypted
    assert kept == lost.body_encrypted


@pytest.mark.django_db
def test_a_stopped_run_is_simply_started_again(with_keys, monkeypatch):
    with_keys(OLD)
    owed(6)
    with_keys(NEW, OLD)
    real = rotation._rotate_row
    done: list[object] = []

    def stop_in_the_second_batch(*arguments):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(arguments)
        real(*arguments)

    monkeypatch.setattr(rotation, "_rotate_row", stop_in_the_second_batch)
    with pytest.raises(KeyboardInterrupt):
        rotation.rotate(BODIES, batch=2)
    monkeypatch.undo()
    with_keys(NEW, OLD)
    assert rotation.keys_in_use()[rotation.name_of(BODIES)] == {"e1": 4, "e2": 2}

    assert rotation.rotate(BODIES, batch=2).rotated == 4

    assert texts() == [f"a secret {number}" for number in range(6)]


@pytest.mark.django_db
def test_a_change_between_reading_and_writing_wins(with_keys, monkeypatch):
    with_keys(OLD)
    (mail,) = owed(1)
    with_keys(NEW, OLD)
    real = crypto.decrypt

    def change_meanwhile(text, *, purpose):
        newer = crypto.encrypt("newer", purpose=purpose)
        OutgoingMail.objects.filter(pk=mail.pk).update(body_encrypted=newer)
        return real(text, purpose=purpose)

    monkeypatch.setattr(crypto, "decrypt", change_meanwhile)

    assert rotation.rotate(BODIES, batch=10).rotated == 0

    monkeypatch.undo()
    with_keys(NEW, OLD)
    assert texts() == ["newer"]


@pytest.mark.django_db(transaction=True)
def test_no_update_of_busy_writers_is_lost(with_keys):
    with_keys(OLD)
    mails = owed(20)
    with_keys(NEW, OLD)
    last = {}

    def write(share):
        for number in range(30):
            mail = share[number % len(share)]
            last[mail.pk] = f"{mail.pk} {number}"
            text = crypto.encrypt(last[mail.pk], purpose=MAIL_BODY)
            OutgoingMail.objects.filter(pk=mail.pk).update(body_encrypted=text)
        connection.close()

    writers = [threading.Thread(target=write, args=(mails[n::4],)) for n in range(4)]
    for writer in writers:
        writer.start()
    rotation.rotate(BODIES, batch=5)
    for writer in writers:
        writer.join()
    rotation.rotate(BODIES, batch=5)

    with_keys(NEW)
    assert texts() == [last[mail.pk] for mail in mails]
