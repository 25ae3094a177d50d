"""Telling many people something: drafted, tried on oneself, sent by a job batch by batch, each person exactly once."""

import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Max, Q

from accounts.models import Broadcast, BroadcastRecipient, User
from accounts.models.notices import BODY_LENGTH, TITLE_LENGTH
from accounts.services import audiences, notices
from accounts.services.audiences import Audience
from accounts.signals import (
    BroadcastCanceled,
    BroadcastDrafted,
    BroadcastFinished,
    BroadcastStarted,
    BroadcastTested,
)
from config.common import changes, jobs, mail, names
from config.common.errors import Conflict, FieldError, InvalidInput
from config.common.events import publish

BATCH = 100
# Who got what is forgotten that long after it is over; the mail and the notice have times of their own.
KEEP = timedelta(days=90)
_WRITTEN = ("title", "body", "link", "by_mail", "in_app", "audience")
_KIND = "broadcast.sent"
# A path of ours, or nothing: neither another site nor `//host`, which browsers take for one.
_LINK = re.compile(r"(?:/(?![/\\])[^\s\\]{0,299})?")


class BroadcastIsOver(Conflict):
    """The message was sent, or canceled, before."""

    code = "broadcast_is_over"
    title = "The broadcast is over"
    fix = "Look at its status; write another one if there is more to say."
    answered_by = ("admin_broadcasts_cancel",)


class NobodyToTell(Conflict):
    """Nobody is in the audience at the moment."""

    code = "nobody_to_tell"
    title = "Nobody is in the audience"
    fix = "Look at the preview and choose a wider audience."
    answered_by = ("admin_broadcasts_send",)


@dataclass(frozen=True, slots=True)
class Words:
    """What is said, and by which ways."""

    title: str
    body: str
    link: str = ""
    by_mail: bool = True
    in_app: bool = True


def require_sendable(words: Words) -> None:
    """Raise InvalidInput for words that are missing or too long, a link that leads elsewhere, or no way to go."""
    unread = words.title and names.fault_of(words.title, called="A title")
    faults = [
        FieldError(pointer=f"#/{name}", code="words", message=message)
        for name, is_fine, message in (
            ("title", 0 < len(words.title) <= TITLE_LENGTH, f"1 to {TITLE_LENGTH} characters."),
            ("title", not unread, unread or ""),
            ("body", 0 < len(words.body) <= BODY_LENGTH, f"1 to {BODY_LENGTH} characters."),
            ("link", _LINK.fullmatch(words.link), "A path of the portal, such as /usage/."),
            ("in_app", words.by_mail or words.in_app, "Choose mail, the portal, or both."),
        )
        if not is_fine
    ]
    if faults:
        raise InvalidInput("The message cannot be sent like this.", errors=faults)


@dataclass(frozen=True, slots=True)
class Reach:
    """How many people an audience has, and how many of them a mail would reach: only proved addresses are written to."""

    people: int
    by_mail: int


def preview(audience: Audience) -> Reach:
    """Return whom an audience reaches now. Raises InvalidInput."""
    found = audiences.people(audiences.cleaned(audience))
    counts = found.aggregate(
        people=Count("pk"), by_mail=Count("pk", filter=Q(email_verified_at__isnull=False))
    )
    return Reach(**counts)


@transaction.atomic
def draft(*, words: Words, audience: Audience, by: User | None) -> Broadcast:
    """Write a message that nobody gets yet. Raises InvalidInput."""
    require_sendable(words)
    broadcast = Broadcast.objects.create(
        **asdict(words), audience=audiences.cleaned(audience), created_by=by
    )
    publish(
        BroadcastDrafted(broadcast_id=broadcast.pk, title=broadcast.title),
        after=changes.told(broadcast, _WRITTEN),
    )
    return broadcast


@transaction.atomic
def announce(*, words: Words, audience: Audience, by: User | None, at: datetime) -> Broadcast:
    """Write a message and send it. Raises InvalidInput and NobodyToTell."""
    written = draft(words=words, audience=audience, by=by)
    return send(broadcast_id=written.pk, at=at)


@transaction.atomic
def try_out(*, words: Words, by: User) -> None:
    """Send a message to oneself, marked as a test. Raises InvalidInput."""
    require_sendable(words)
    tested = Broadcast(**{**asdict(words), "title": f"Test: {words.title}"[:TITLE_LENGTH]})
    if tested.by_mail:
        _mail(tested, by)
    if tested.in_app:
        notices.notify(
            users=[by], kind=_KIND, title=tested.title, body=tested.body, link=tested.link
        )
    publish(BroadcastTested(user_id=by.pk, title=words.title))


@transaction.atomic
def send(*, broadcast_id: int, at: datetime) -> Broadcast:
    """Let a draft go to its audience as it is now; a job does it. Raises BroadcastIsOver and NobodyToTell."""
    broadcast = _locked(broadcast_id)
    if broadcast.status != Broadcast.Status.DRAFT:
        raise BroadcastIsOver
    counted = audiences.people(broadcast.audience).aggregate(people=Count("pk"), last=Max("pk"))
    if not counted["people"]:
        raise NobodyToTell
    before = changes.snapshot(broadcast)
    broadcast.status, broadcast.started_at = Broadcast.Status.SENDING, at
    # Whoever registers meanwhile is not told: the end is fixed.
    broadcast.people_total, broadcast.up_to_user_id = counted["people"], counted["last"]
    broadcast.save()
    publish(
        BroadcastStarted(
            broadcast_id=broadcast.pk, title=broadcast.title, people=broadcast.people_total
        ),
        **changes.since(before, broadcast),
    )
    jobs.enqueue("accounts.broadcast", broadcast_id=broadcast.pk)
    return broadcast


@transaction.atomic
def cancel(*, broadcast_id: int, at: datetime) -> Broadcast:
    """Stop a message that is not over; who got it has it, the batch under way is finished. Raises BroadcastIsOver."""
    broadcast = _locked(broadcast_id)
    if broadcast.status not in {Broadcast.Status.DRAFT, Broadcast.Status.SENDING}:
        raise BroadcastIsOver
    before = changes.snapshot(broadcast)
    broadcast.status, broadcast.finished_at = Broadcast.Status.CANCELED, at
    broadcast.save()
    publish(
        BroadcastCanceled(broadcast_id=broadcast.pk, people=broadcast.people_done),
        **changes.since(before, broadcast),
    )
    return broadcast


def run(*, broadcast_id: int, at: datetime) -> int:
    """Send a message on to its audience until it is over, or somebody else does; return how many people got it."""
    done = 0
    while batch := _send_batch(broadcast_id, at=at):
        done += batch
    return done


def run_due(*, at: datetime) -> int:
    """Send on what no doorbell was rung for, or whose worker died; return how many people got something."""
    under_way = Broadcast.objects.filter(status=Broadcast.Status.SENDING).order_by("pk")
    return sum(run(broadcast_id=pk, at=at) for pk in under_way.values_list("pk", flat=True))


@transaction.atomic
def _send_batch(broadcast_id: int, *, at: datetime) -> int:
    """Send one batch and return how many got it.

    Mails, notices, who got them and how far it is are one transaction: a worker that dies leaves the batch undone as a
    whole. The row's lock lets one worker at a time do this; the unique index would refuse a second message anyway.
    """
    rows = Broadcast.objects.select_for_update(skip_locked=True)
    broadcast = rows.filter(pk=broadcast_id, status=Broadcast.Status.SENDING).first()
    if broadcast is None:
        return 0
    people = audiences.people(broadcast.audience).filter(
        pk__gt=broadcast.last_user_id, pk__lte=broadcast.up_to_user_id
    )
    batch = list(people.order_by("pk")[:BATCH])
    if batch:
        _tell(broadcast, batch)
        broadcast.last_user_id = batch[-1].pk
    if len(batch) < BATCH:
        _finish(broadcast, at=at)
    broadcast.save()
    return len(batch)


def _tell(broadcast: Broadcast, batch: list[User]) -> None:
    BroadcastRecipient.objects.bulk_create(
        BroadcastRecipient(broadcast=broadcast, user=user) for user in batch
    )
    if broadcast.in_app:
        notices.notify(
            users=batch,
            kind=_KIND,
            title=broadcast.title,
            body=broadcast.body,
            link=broadcast.link,
            dedup_key=f"broadcast:{broadcast.pk}",
        )
    mailed = [user for user in batch if broadcast.by_mail and user.is_verified_email]
    for user in mailed:
        _mail(broadcast, user)
    broadcast.people_done += len(batch)
    broadcast.mails_done += len(mailed)


def _mail(broadcast: Broadcast, user: User) -> None:
    mail.send("accounts/broadcast", to=user.email, values={"user": user, "broadcast": broadcast})


def _finish(broadcast: Broadcast, *, at: datetime) -> None:
    before = changes.snapshot(broadcast)
    broadcast.status, broadcast.finished_at = Broadcast.Status.SENT, at
    publish(
        BroadcastFinished(
            broadcast_id=broadcast.pk,
            people=broadcast.people_done,
            mails=broadcast.mails_done,
        ),
        **changes.since(before, broadcast),
    )


def _locked(broadcast_id: int) -> Broadcast:
    return Broadcast.objects.select_for_update().get(pk=broadcast_id)


def purge(*, at: datetime) -> int:
    """Forget who got what is long over; return how many rows went."""
    over = BroadcastRecipient.objects.filter(broadcast__finished_at__lt=at - KEEP)
    return over.delete()[0]
