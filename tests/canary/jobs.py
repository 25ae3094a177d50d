"""A job that fails with everything secret in its hands."""

from celery import shared_task
from django.conf import settings

from config.common import crypto
from config.common.models import MAIL_BODY


@shared_task(name="canary.crash")
def crash(body_encrypted: str) -> None:
    """Fail with a mail's text and the configuration in the exception and in local variables."""
    body = crypto.decrypt(body_encrypted, purpose=MAIL_BODY)
    peppers = settings.KEY_PEPPERS
    raise RuntimeError(f"{body} {peppers} {settings.DATABASE_URL} {settings.SECRET_KEY}")
