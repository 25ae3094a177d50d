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
from django.template.loader import render_to_string
from django.utils import timezone

from config.common import crypto, jobs
from config.common.models import OutgoingMail

logger = structlog.get_logger(__name__)
MAX_ATTEMPTS = 12
KEEP = timedelta(days=90)
_PURPOSE = "mail.body"


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
        body_encrypted=crypto.encrypt(body, purpose=_PURPOSE),
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
    except (OSError, crypto.CannotDecrypt) as error:  # smtplib's exceptions are OSErrors, too
        _record_failure(mail, error, at=at)
        return False
    OutgoingMail.objects.filter(pk=mail_id).update(sent_at=at, body_encrypted="")
    return True


def due(*, at: datetime, limit: int = 100) -> list[int]:
    """Return the ids of messages that wait to be sent."""
    waiting = OutgoingMail.objects.filter(sent_at=None, failed_at=None, next_attempt_at__lte=at)
    return list(waiting.order_by("next_attempt_at", "id").values_list("pk", flat=True)[:limit])


def deliver_due(*, at: datetime) -> int:
    """Send what waits and return how many went out; the first failure ends the round, the server may be away."""
    sent = 0
    for mail_id in due(at=at):
        if not deliver(mail_id=mail_id, at=at):
            break
        sent += 1
    return sent


def purge(*, at: datetime) -> int:
    """Delete messages that were sent, or given up, long ago; return how many."""
    return OutgoingMail.objects.filter(created_at__lt=at - KEEP).delete()[0]


@transaction.atomic
def _claim(mail_id: int, *, at: datetime) -> OutgoingMail | None:
    due_now = OutgoingMail.objects.filter(sent_at=None, failed_at=None, next_attempt_at__lte=at)
    mail = due_now.select_for_update(skip_locked=True).filter(pk=mail_id).first()
    if mail is None:
        return None
    # 2, 4, 8 … 4,096 minutes: the last attempt is made about three days after the first.
    mail.attempts += 1
    mail.next_attempt_at = at + timedelta(minutes=2**mail.attempts)
    mail.save(update_fields=["attempts", "next_attempt_at"])
    return mail


def _post(mail: OutgoingMail) -> None:
    body = orjson.loads(crypto.decrypt(mail.body_encrypted, purpose=_PURPOSE))
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
    if is_final:
        OutgoingMail.objects.filter(pk=mail.pk).update(failed_at=at, body_encrypted="")


def _is_permanent(error: Exception) -> bool:
    """Whether trying again cannot help: the server said no for good, or the body cannot be read any more."""
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=recipients):
            return all(code >= 500 for code, _ in recipients.values())
        case smtplib.SMTPAuthenticationError():
            return False
        case smtplib.SMTPResponseException(smtp_code=code):
            return bool(code >= 500)
        case _:
            return isinstance(error, crypto.CannotDecrypt)
