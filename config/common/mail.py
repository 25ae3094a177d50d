"""Outgoing mail: rendered and stored in the transaction of the change, sent by a job, retried until it is sent."""

from datetime import datetime, timedelta
from typing import Any

import orjson
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.utils import timezone

from config.common import crypto, jobs
from config.common.models import OutgoingMail

MAX_ATTEMPTS = 12
_LEASE = timedelta(minutes=2)
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
    """Send one message if it is due; a lease keeps two workers from sending it twice. Return whether it was sent."""
    claimed = OutgoingMail.objects.filter(
        pk=mail_id, sent_at=None, failed_at=None, next_attempt_at__lte=at
    ).update(next_attempt_at=at + _LEASE, attempts=F("attempts") + 1)
    if not claimed:
        return False
    mail = OutgoingMail.objects.get(pk=mail_id)
    try:
        _post(mail)
    except OSError:  # smtplib's exceptions are OSErrors, too
        _put_off(mail, at=at)
        return False
    OutgoingMail.objects.filter(pk=mail_id).update(sent_at=at, body_encrypted="")
    return True


def due(*, at: datetime, limit: int = 100) -> list[int]:
    """Return the ids of messages that wait to be sent."""
    waiting = OutgoingMail.objects.filter(sent_at=None, failed_at=None, next_attempt_at__lte=at)
    return list(waiting.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])


def _post(mail: OutgoingMail) -> None:
    body = orjson.loads(crypto.decrypt(mail.body_encrypted, purpose=_PURPOSE))
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=body["text"],
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[mail.recipient],
        connection=get_connection(),
    )
    message.attach_alternative(body["html"], "text/html")
    message.send()


@transaction.atomic
def _put_off(mail: OutgoingMail, *, at: datetime) -> None:
    # 1, 2, 4 … 1,024 minutes: about a day and a half of trying.
    wait = timedelta(minutes=2 ** (mail.attempts - 1))
    failed_at = at if mail.attempts >= MAX_ATTEMPTS else None
    OutgoingMail.objects.filter(pk=mail.pk).update(next_attempt_at=at + wait, failed_at=failed_at)
