"""Telling people something in the portal: a row each, pushed to the pages they have open, forgotten in the end."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from accounts import realtime
from accounts.models import Notice, User, UserStatus
from accounts.models.notices import BODY_LENGTH, TITLE_LENGTH

KEEP_READ = timedelta(days=90)
KEEP_UNREAD = timedelta(days=365)
_KIND = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_BATCH = 500


@transaction.atomic
def notify(
    *,
    users: Iterable[User | int],
    kind: str,
    title: str,
    body: str = "",
    link: str = "",
    dedup_key: str | None = None,
) -> None:
    """Tell people something, in the transaction of what it is about.

    `kind` is a name such as `webhook.disabled`, `link` a path of the portal. With a `dedup_key`, such as
    `quota:80:2026-03`, each person is told once, however often and from however many processes this is called.
    Whoever closed their account is told nothing.
    """
    if not _KIND.fullmatch(kind):
        raise ValueError(f"The kind of a notice is like noun.verb_ed, not {kind!r}.")
    wanted = {user if isinstance(user, int) else user.pk for user in users}
    there = User.objects.filter(pk__in=wanted).exclude(status=UserStatus.DELETED)
    # In one order everywhere, so that two who tell the same people never wait for each other.
    user_ids = sorted(there.values_list("pk", flat=True))
    rows = [
        Notice(
            user_id=user_id,
            kind=kind,
            title=_cut(title, TITLE_LENGTH),
            body=_cut(body, BODY_LENGTH),
            link=link,
            dedup_key=dedup_key,
        )
        for user_id in user_ids
    ]
    Notice.objects.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=dedup_key is not None)
    transaction.on_commit(lambda: realtime.tell(user_ids), robust=True)


def mark_read(*, user: User, notice_id: int, at: datetime) -> Notice | None:
    """Take note that a person has read one of their notices; the first time counts. Returns it, if it is theirs."""
    Notice.objects.filter(user_id=user.pk, pk=notice_id, read_at=None).update(read_at=at)
    return Notice.objects.filter(user_id=user.pk, pk=notice_id).first()


def mark_all_read(*, user: User, at: datetime, up_to: int | None = None) -> int:
    """Take note that a person has read all of their notices, or those up to one; return how many were unread."""
    unread = Notice.objects.filter(user_id=user.pk, read_at=None)
    if up_to is not None:
        unread = unread.filter(pk__lte=up_to)
    return unread.update(read_at=at)


def purge(*, at: datetime) -> int:
    """Delete notices that were read 90 days ago, all that are a year old, and those of closed accounts."""
    old = Q(read_at__lt=at - KEEP_READ) | Q(created_at__lt=at - KEEP_UNREAD)
    return Notice.objects.filter(old | Q(user__status=UserStatus.DELETED)).delete()[0]


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
