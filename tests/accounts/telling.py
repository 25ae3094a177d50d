"""What is told to many, and who got it."""

from django.utils import timezone

from accounts.services import broadcasts
from accounts.services.broadcasts import Words
from config.common.models import OutgoingMail

URL = "/api/v1/admin/broadcast"
WORDS = Words(title="Maintenance on Sunday", body="The portal is away.\n\nCalls go on.")
BODY = {"title": WORDS.title, "body": WORDS.body}


def sent_to():
    """Return who got a mail, in order of their addresses, as often as they got one."""
    kinds = OutgoingMail.objects.filter(kind="accounts/broadcast")
    return sorted(kinds.values_list("recipient", flat=True))


def started(words=WORDS, **audience):
    """Begin to tell an audience, or everybody."""
    return broadcasts.announce(words=words, audience=audience, by=None, at=timezone.now())
