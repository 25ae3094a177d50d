"""Mail is owed in the transaction of the change, encrypted until it is sent, and sent once although servers fail."""

import email
import socket
import stat
from datetime import timedelta
from email import policy
from typing import Any

import pytest
from django.core import mail as outbox_of
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.models import AuditLog
from config.common import mail, tasks
from config.common.models import OutgoingMail
from config.settings import env
from tests import race
from tests.doubles.serving import serving
from tests.doubles.smtp import SmtpDouble

TO = "nora@example.com"


@pytest.fixture
def owed(db):
    """Return a message that waits to be sent."""
    return mail.send("accounts/verify_email", to=TO, values=_values())


def _values(full_name="Nora Newcomer"):
    return {"user": User(email=TO, full_name=full_name), "token": "t0ken-of-the-link"}


def _sent() -> Any:
    (message,) = outbox_of.outbox
    return message


def _row():
    return OutgoingMail.objects.values("attempts", "sent_at", "failed_at").get()


@pytest.fixture
def smtp(settings):
    """Run a mail server and let Django send through it."""
    with serving(SmtpDouble()) as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST = "127.0.0.1"
        settings.EMAIL_PORT = server.port
        yield server


@pytest.fixture
def no_server(settings):
    """Let Django send to a port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST = "127.0.0.1"
        settings.EMAIL_PORT = taken.getsockname()[1]
        yield


def test_the_body_is_encrypted_until_it_is_sent(owed):
    assert owed.recipient == TO
    assert "t0ken" not in owed.body_encrypted
    assert "t0ken" not in owed.subject

    mail.deliver(mail_id=owed.pk, at=timezone.now())

    owed.refresh_from_db()
    assert owed.body_encrypted == ""


def test_a_message_has_a_text_and_an_html_part(owed):
    assert mail.deliver(mail_id=owed.pk, at=timezone.now()) is True

    sent = _sent()
    (html,) = sent.alternatives
    assert (sent.to, sent.from_email) == ([TO], "Tollgate <no-reply@localhost>")
    assert sent.subject == "Confirm your address for Tollgate"
    assert "http://testserver/verify-email/t0ken-of-the-link" in sent.body
    assert html.mimetype == "text/html"
    assert 'href="http://testserver/verify-email/t0ken-of-the-link"' in html.content
    assert sent.extra_headers["Auto-Submitted"] == "auto-generated"


def test_the_message_id_stays_the_same(owed):
    at = timezone.now()
    for _ in range(2):
        OutgoingMail.objects.update(sent_at=None, body_encrypted=owed.body_encrypted)
        mail.deliver(mail_id=owed.pk, at=at)
        at += timedelta(days=1)

    first, second = (sent.message()["Message-ID"] for sent in outbox_of.outbox)
    assert first == second
    assert first.endswith("@testserver>")


def test_html_is_escaped_and_text_is_not(db):
    owed = mail.send("accounts/welcome", to=TO, values=_values(full_name="O'Hara & Sons"))
    mail.deliver(mail_id=owed.pk, at=timezone.now())

    sent = _sent()
    assert "O'Hara" in sent.body
    assert "O&#x27;Hara" in sent.alternatives[0].content


def test_a_message_is_sent_once(owed):
    now = timezone.now()

    assert [mail.deliver(mail_id=owed.pk, at=now) for _ in range(3)] == [True, False, False]
    assert len(outbox_of.outbox) == 1


def test_one_of_many_workers_sends_a_message(transactional_db):
    owed = mail.send("accounts/verify_email", to=TO, values=_values())
    now = timezone.now()

    outcomes = race.together(8, lambda _: mail.deliver(mail_id=owed.pk, at=now))

    assert sorted(outcomes) == [False] * 7 + [True]
    assert len(outbox_of.outbox) == 1


def test_what_is_rolled_back_is_not_owed(db, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks, transaction.atomic():
        mail.send("accounts/verify_email", to=TO, values=_values())
        transaction.set_rollback(True)

    assert not OutgoingMail.objects.exists()
    assert callbacks == []


def test_nothing_is_sent_before_it_is_due(owed):
    assert mail.deliver(mail_id=owed.pk, at=owed.next_attempt_at - timedelta(seconds=1)) is False
    assert _row() == {"attempts": 0, "sent_at": None, "failed_at": None}


def test_a_real_server_gets_the_message(owed, smtp):
    assert mail.deliver(mail_id=owed.pk, at=timezone.now()) is True

    (raw,) = smtp.messages
    message = email.message_from_bytes(raw, policy=policy.default)
    assert message["To"] == TO
    parts = [part.get_content_type() for part in message.iter_parts()]
    assert parts == ["text/plain", "text/html"]


def test_a_server_that_is_away_is_tried_again(owed, no_server, settings):
    now = timezone.now()

    assert mail.deliver(mail_id=owed.pk, at=now) is False
    assert _row() == {"attempts": 1, "sent_at": None, "failed_at": None}
    assert mail.due(at=now + timedelta(seconds=119)) == []
    assert mail.due(at=now + timedelta(seconds=120)) == [owed.pk]

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert mail.deliver(mail_id=owed.pk, at=now + timedelta(seconds=120)) is True
    assert _row()["attempts"] == 2


def test_a_worker_that_dies_while_sending_is_followed_by_another(owed, monkeypatch):
    def die(_):
        raise KeyboardInterrupt

    now = timezone.now()
    with monkeypatch.context() as patch:
        patch.setattr(mail, "_post", die)
        with pytest.raises(KeyboardInterrupt):
            mail.deliver(mail_id=owed.pk, at=now)

    assert mail.deliver(mail_id=owed.pk, at=now) is False
    assert mail.deliver(mail_id=owed.pk, at=now + timedelta(minutes=2)) is True


def test_waits_twice_as_long_each_time_and_gives_up(owed, no_server):
    at, waits = timezone.now(), []
    while mail.due(at=at):
        mail.deliver(mail_id=owed.pk, at=at)
        owed.refresh_from_db()
        waits.append((owed.next_attempt_at - at).total_seconds() / 60)
        at = owed.next_attempt_at

    assert waits == [2**n for n in range(1, 13)]
    assert owed.failed_at is not None
    assert owed.last_error.startswith("ConnectionRefusedError: ")


@pytest.mark.parametrize(
    ("step", "answer", "is_final", "words"),
    [
        ("RCPT", b"550 no such user", True, "SMTPRecipientsRefused: no such user"),
        ("RCPT", b"450 greylisted", False, "SMTPRecipientsRefused: greylisted"),
        ("END", b"554 no thanks", True, "SMTPDataError: 554 no thanks"),
        ("END", b"452 disk full", False, "SMTPDataError: 452 disk full"),
        ("DATA", b"451 not now", False, "SMTPDataError: 451 not now"),
        ("MAIL", b"553 sender not allowed", False, "SMTPSenderRefused: 553 sender not allowed"),
        ("MAIL", b"421 closing", False, "SMTPSenderRefused: 421 closing"),
        ("GREETING", b"554 go away", False, "SMTPConnectError: 554 go away"),
    ],
)
def test_only_a_refusal_of_the_message_itself_is_final(owed, smtp, step, answer, is_final, words):
    smtp.answers[step] = answer

    assert mail.deliver(mail_id=owed.pk, at=timezone.now()) is False

    assert (_row()["failed_at"] is not None) is is_final
    owed.refresh_from_db()
    assert owed.last_error == words
    assert owed.body_encrypted


@pytest.mark.parametrize("step", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize("fault", ["drops_at", "sleeps_at"])
def test_nothing_is_lost_when_the_line_goes_dead(owed, smtp, settings, fault, step):
    settings.EMAIL_TIMEOUT = 0.2
    setattr(smtp, fault, step)
    now = timezone.now()

    assert mail.deliver(mail_id=owed.pk, at=now) is False
    assert _row() == {"attempts": 1, "sent_at": None, "failed_at": None}
    seen = len(smtp.messages)

    smtp.recover()
    settings.EMAIL_TIMEOUT = 60
    assert mail.deliver(mail_id=owed.pk, at=now + timedelta(minutes=2)) is True
    # The server may have kept a message whose receipt was lost; both have the same id.
    assert len(smtp.messages) == seen + 1
    ids = {email.message_from_bytes(raw)["Message-ID"] for raw in smtp.messages}
    assert len(ids) == 1


def test_what_the_server_says_is_kept_short_and_without_secrets(owed, smtp):
    secret = "tg_live_" + "a" * 38
    smtp.answers["RCPT"] = f"550 {secret} \x07".encode() + b"x" * 400

    mail.deliver(mail_id=owed.pk, at=timezone.now())

    owed.refresh_from_db()
    assert len(owed.last_error) == 200
    assert "[redacted]" in owed.last_error
    assert secret not in owed.last_error


def test_a_message_that_cannot_be_sent_at_all_is_given_up_in_the_end(owed, settings):
    settings.EMAIL_BACKEND = "no.such.backend.EmailBackend"
    at = timezone.now()
    while mail.due(at=at):
        assert mail.deliver(mail_id=owed.pk, at=at) is False
        owed.refresh_from_db()
        at = owed.next_attempt_at

    assert (owed.attempts, owed.failed_at is not None) == (mail.MAX_ATTEMPTS, True)


@pytest.fixture
def given_up(owed, smtp):
    """Return a message that the mail server refused for good."""
    smtp.answers["RCPT"] = b"550 no such user"
    mail.deliver(mail_id=owed.pk, at=timezone.now())
    smtp.recover()
    owed.refresh_from_db()
    assert owed.failed_at is not None
    return owed


def test_what_was_given_up_can_be_sent_again(given_up, smtp):
    now = timezone.now()

    mail.send_again(mail_id=given_up.pk, at=now)

    assert mail.due(at=now) == [given_up.pk]
    assert mail.deliver(mail_id=given_up.pk, at=now) is True
    assert len(smtp.messages) == 1
    given_up.refresh_from_db()
    assert (given_up.failed_at, given_up.last_error, given_up.body_encrypted) == (None, "", "")
    assert AuditLog.objects.get(event="mail.requeued").target_id == given_up.pk


def test_what_waits_or_was_sent_is_not_sent_again(owed):
    for _ in range(2):
        with pytest.raises(mail.CannotSendAgain):
            mail.send_again(mail_id=owed.pk, at=timezone.now())
        mail.deliver(mail_id=owed.pk, at=timezone.now())

    assert len(outbox_of.outbox) == 1


def test_the_body_of_what_was_given_up_is_forgotten_after_a_week(given_up):
    given_up.failed_at = timezone.now() - timedelta(days=6)
    given_up.save()
    tasks.purge()
    assert mail.waiting_and_failed() == (0, 1)

    given_up.failed_at = timezone.now() - timedelta(days=8)
    given_up.save()
    tasks.purge()

    given_up.refresh_from_db()
    assert given_up.body_encrypted == ""
    assert mail.waiting_and_failed() == (0, 0)
    with pytest.raises(mail.CannotSendAgain):
        mail.send_again(mail_id=given_up.pk, at=timezone.now())


def test_what_waits_and_what_failed_is_counted(given_up):
    mail.send("accounts/welcome", to=TO, values=_values())

    assert mail.waiting_and_failed() == (1, 1)


def test_mail_as_files_can_be_read(owed, settings, tmp_path):
    settings.EMAIL_BACKEND = env.mail(f"file://{tmp_path}/mail")["EMAIL_BACKEND"]
    settings.EMAIL_FILE_PATH = f"{tmp_path}/mail"
    other = mail.send("accounts/welcome", to="../../zoë@example.com", values=_values("Zoë Ünal"))

    for message in (owed, other):
        assert mail.deliver(mail_id=message.pk, at=timezone.now()) is True

    first, second = sorted((tmp_path / "mail").iterdir())
    assert first.name.endswith("-nora@example.com.eml")
    assert "http://testserver/verify-email/t0ken-of-the-link" in first.read_text()
    assert "Hello Zoë" in second.read_text()
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    parsed = email.message_from_bytes(second.read_bytes(), policy=policy.default)
    assert parsed["To"] == "../../zoë@example.com"
    parts = [part.get_content_type() for part in parsed.iter_parts()]
    assert parts == ["text/plain", "text/html"]


def test_a_body_that_cannot_be_read_any_more_is_given_up(owed, settings):
    settings.ENCRYPTION_KEYS = ["e9:" + "A" * 43 + "="]

    assert mail.deliver(mail_id=owed.pk, at=timezone.now()) is False
    assert _row()["failed_at"] is not None


def test_the_sweep_sends_what_waits(owed):
    mail.send("accounts/welcome", to=TO, values=_values())

    tasks.sweep()

    assert [sent.subject for sent in outbox_of.outbox] == [
        "Confirm your address for Tollgate",
        "Welcome to Tollgate",
    ]
    assert mail.due(at=timezone.now()) == []


def test_the_sweep_stops_at_the_first_failure(owed, no_server):
    mail.send("accounts/welcome", to=TO, values=_values())

    assert mail.deliver_due(at=timezone.now()) == 0

    attempts = OutgoingMail.objects.order_by("id").values_list("attempts", flat=True)
    assert list(attempts) == [1, 0]


def test_the_job_sends_one_message(owed):
    tasks.deliver(owed.pk)

    assert len(outbox_of.outbox) == 1


def test_old_messages_are_deleted(owed):
    OutgoingMail.objects.update(created_at=timezone.now() - timedelta(days=91))
    kept = mail.send("accounts/welcome", to=TO, values=_values())

    tasks.purge()

    assert list(OutgoingMail.objects.all()) == [kept]
