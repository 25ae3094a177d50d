"""Paths of two-factor authentication, and what was told of it."""

from audit.models import AuditLog
from config.common.models import OutgoingMail

STATUS = "/api/v1/auth/2fa"
DISABLE = "/api/v1/auth/2fa/disable"


def mails_to(person):
    """Return the kinds of the mails that are owed to somebody."""
    return list(OutgoingMail.objects.filter(recipient=person.email).values_list("kind", flat=True))


def events_of(*names):
    """Return which of these events were audited, in their order."""
    return list(
        AuditLog.objects.filter(event__in=names).order_by("id").values_list("event", flat=True)
    )
