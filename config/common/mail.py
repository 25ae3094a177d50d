"""Outgoing mail: rendered and stored in the transaction of the change, sent by a job, retried until it is sent."""

import smtplib
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from config.common import changes, crypto, jobs
from config.common.errors import Conflict
from config.common.events import publish
from config.common.logs import redact
from config.common.models import MAIL_BODY, OutgoingMail
from config.common.signals import MailRequeued

logger = structlog.get_logger(__name__)
MAX_ATTEMPTS = 12
KEEP = timedelta(days=90)
# How long the body of a message that was given up is kept, so that staff can send it again.
KEEP_FAILED = timedelta(days=7)


class CannotSendAgain(Conflict):
    """The message was not given up, or that was so long ago that its body is forgotten."""

    code = "cannot_send_again"
    title = "The message cannot be sent again"
    fix = "Let the person ask for a new one, such as another link."


def send(kind: str, *, to: str, values: dict[str, Any]) -> OutgoingMail:
    """Owe a message to an address.

    `kind` is `<app>/<message>`: three templates under `templates/emails/`. The body is encrypted at rest, because
    links in it are secrets; the job that sends it gets the row's id only.
    """
    values = {"public_url": settings.PUBLIC_URL, "product": settings.PRODUCT_NAME, **values}
    subject = " ".join(render_to_string(f"emails/{kind}.subject.txt", values).split())
    body = orjson.dumps(
        {
            "text": render_to_string(f"emails/{kind}.body.txt", values),
            "html": render_to_string(f"emails/{kind}.body.html", values),
        }
    ).decode()
    mail = OutgoingMail.objects.create(
        kind=kind,
        recipient=to,
        subject=subject[:200],
        body_encrypted=crypto.encrypt(body, purpose=MAIL_BODY),
        next_attempt_at=timezone.now(),
    )
    jobs.enqueue("mail.deliver", mail_id=mail.pk)
    return mail


def deliver(*, mail_id: int, at: datetime) -> bool:
    """Send one message if it is due and return whether it was sent.

    The next attempt is fixed before this one is made, so that two workers never send the same message at once and
    one that dies while sending is followed by another. A message can arrive twice, with the same Message-ID.
    """
    mail = _claim(mail_id, at=at)
    if mail is None:
        return False
    try:
        _post(mail)
    except Exception as error:  # noqa: BLE001  whatever failed, the message is tried again or given up, never forgotten
        _record_failure(mail, error, at=at)
        return False
    OutgoingMail.objects.filter(pk=mail_id).update(sent_at=at, body_encrypted="", last_error="")
    return True


def due(*, at: datetime) -> list[int]:
    """Return the ids of messages that are to be sent now, a hundred at most."""
    waiting = _waiting().filter(next_attempt_at__lte=at)
    return list(waiting.order_by("next_attempt_at", "id").values_list("pk", flat=True)[:100])


def deliver_due(*, at: datetime) -> int:
    """Send what waits and return how many went out; the first failure ends the round, the server may be away."""
    sent = 0
    for mail_id in due(at=at):
        if not deliver(mail_id=mail_id, at=at):
            break
        sent += 1
    return sent


@transaction.atomic
def send_again(*, mail_id: int, at: datetime) -> None:
    """Owe a message once more that had been given up. Raises CannotSendAgain."""
    mail = OutgoingMail.objects.select_for_update().filter(pk=mail_id).first()
    if mail is None or mail.failed_at is None or not mail.body_encrypted:
        raise CannotSendAgain
    before = changes.snapshot(mail)
    mail.failed_at, mail.attempts, mail.next_attempt_at = None, 0, at
    mail.save(update_fields=["failed_at", "attempts", "next_attempt_at"])
    publish(MailRequeued(mail_id=mail.pk, kind=mail.kind), **changes.since(before, mail))
    jobs.enqueue("mail.deliver", mail_id=mail.pk)


def waiting_and_failed() -> tuple[int, int]:
    """Return how many messages wait to be sent, and how many were given up and can be sent again."""
    failed = OutgoingMail.objects.filter(failed_at__isnull=False).exclude(body_encrypted="")
    return _waiting().count(), failed.count()


def purge(*, at: datetime) -> int:
    """Delete messages that were sent, or given up, long ago, and forget bodies sooner; return how many are gone."""
    given_up = OutgoingMail.objects.filter(failed_at__lt=at - KEEP_FAILED)
    given_up.exclude(body_encrypted="").update(body_encrypted="")
    return OutgoingMail.objects.filter(created_at__lt=at - KEEP).delete()[0]


def _waiting() -> QuerySet[OutgoingMail]:
    return OutgoingMail.objects.filter(sent_at=None, failed_at=None)


@transaction.atomic
def _claim(mail_id: int, *, at: datetime) -> OutgoingMail | None:
    rows = _waiting().select_for_update(skip_locked=True)
    mail = rows.filter(pk=mail_id, next_attempt_at__lte=at).first()
    if mail is None:
        return None
    # 2, 4, 8 … 4,096 minutes: the last attempt is made about three days after the first.
    mail.attempts += 1
    mail.next_attempt_at = at + timedelta(minutes=2**mail.attempts)
    mail.save(update_fields=["attempts", "next_attempt_at"])
    return mail


def _post(mail: OutgoingMail) -> None:
    body = orjson.loads(crypto.decrypt(mail.body_encrypted, purpose=MAIL_BODY))
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=body["text"],
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[mail.recipient],
        connection=get_connection(),
        headers={
            "Message-ID": f"<{mail.pk}.{mail.created_at:%Y%m%d%H%M%S}@{_domain()}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(body["html"], "text/html")
    message.send()


def _domain() -> str:
    return urlsplit(settings.PUBLIC_URL).hostname or "localhost"


def _record_failure(mail: OutgoingMail, error: Exception, *, at: datetime) -> None:
    is_final = mail.attempts >= MAX_ATTEMPTS or _is_permanent(error)
    logger.warning("mail_not_sent", mail_id=mail.pk, error=type(error).__name__, is_final=is_final)
    failed_at = at if is_final else None
    OutgoingMail.objects.filter(pk=mail.pk).update(failed_at=failed_at, last_error=_words(error))


def _words(error: Exception) -> str:
    """Return what the mail server said, for staff: one line with nothing secret in it."""
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=recipients):
            said = " ".join(_text(answer) for _, answer in recipients.values())
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=answer):
            said = f"{code} {_text(answer)}"
        case _:
            said = str(error)
    words = redact(f"{type(error).__name__}: {said}")
    return " ".join(str(words).replace("\x00", "").split())[:200]


def _text(answer: bytes | str) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer


def _is_permanent(error: Exception) -> bool:
    """Whether trying again cannot help: the server wants neither recipient nor content, or the body cannot be read.

    Refusals of our own address, of the sign-in or of the connection are mended by an operator: the message waits.
    """
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=recipients):
            return all(code >= 500 for code, _ in recipients.values())
        case smtplib.SMTPDataError(smtp_code=code):
            return bool(code >= 500)
        case _:
            return isinstance(error, crypto.CannotDecrypt)
