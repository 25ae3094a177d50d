"""Links sent by mail: issued, counted and used once. Nothing here shows whether an address is known."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from accounts import selectors
from accounts.models import EmailChange, EmailToken, User
from accounts.services import pace
from config.common import crypto, jobs

# So that nobody can fill a stranger's mailbox through our forms.
MAILS_PER_HOUR = 5
_HOUR = timedelta(hours=1)
NOBODYS_MAIL = 0


def issue(
    *,
    user: User,
    purpose: EmailToken.Purpose,
    expires_at: datetime,
    email: str | None = None,
    change: EmailChange | None = None,
) -> str:
    """Store the digest of a new link and return its token."""
    token = crypto.new_token()
    EmailToken.objects.create(
        user=user,
        purpose=purpose,
        digest=crypto.digest(token),
        email=email or user.email,
        change=change,
        expires_at=expires_at,
    )
    return token


def open_links(
    token: str, *purposes: EmailToken.Purpose, at: datetime
) -> QuerySet[EmailToken, EmailToken]:
    """Return the link with this token if it is still good, as the query whose conditional UPDATE uses it once."""
    return EmailToken.objects.filter(
        digest=crypto.digest(token), purpose__in=purposes, used_at=None, expires_at__gt=at
    )


def void(*, user: User, at: datetime, purposes: tuple[EmailToken.Purpose, ...]) -> None:
    """Make a person's open links of these purposes worthless."""
    links = EmailToken.objects.filter(user_id=user.pk, purpose__in=purposes, used_at=None)
    links.update(used_at=at)


@transaction.atomic
def may_mail(kind: str, email: str, *, at: datetime) -> bool:
    """Return whether the address may get a mail of this kind now, and count those that it gets.

    What is refused is not counted: else nobody would get a link as long as somebody else goes on asking for one.
    """
    counted = pace.subject(kind, email)
    pace.serialize(counted)
    has_room = len(selectors.tries_of(counted, since=at - _HOUR)) < MAILS_PER_HOUR
    with kept_only_if(has_room):
        pace.count(counted, at=at, window=_HOUR)
    return has_room


def nobody() -> str:
    """Return an address that no mail reaches and nobody has."""
    return f"{crypto.new_token()}@nobody.invalid".lower()


@contextmanager
def kept_only_if(condition: bool) -> Iterator[None]:  # noqa: FBT001  reads as a sentence
    """Do the block's work in full, then undo it unless the condition holds: the time is the same.

    What the block asked for once the work is committed is forgotten with it. As many doorbells are rung for nobody
    instead, because ringing one takes as long as writing a row.
    """
    connection = transaction.get_connection()
    before = len(connection.run_on_commit)
    with transaction.atomic():
        yield
        bells = len(connection.run_on_commit) - before
        if not condition:
            transaction.set_rollback(True)
    if not condition:
        for _ in range(bells):
            jobs.enqueue("mail.deliver", mail_id=NOBODYS_MAIL)
