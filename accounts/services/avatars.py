"""A person's picture: exchanged, removed, and its old file forgotten once that is certain."""

from datetime import datetime, timedelta

from django.db import transaction

from accounts import avatars
from accounts.models import User
from accounts.services import locks
from accounts.signals import ProfileUpdated
from config.common.events import publish

# A file is written before its name is committed; one that nobody names after this long never will be.
_STRAY = timedelta(hours=1)


def set_avatar(*, user: User, content: bytes) -> User:
    """Show a person by another picture, drawn anew from the given one. Raises UnusableImage."""
    name = avatars.store(avatars.redrawn(content))
    try:
        return _replace(user=user, name=name)
    except BaseException:
        avatars.remove(name)
        raise


def remove_avatar(*, user: User) -> User:
    """Show a person without a picture again."""
    return _replace(user=user, name="")


@transaction.atomic
def _replace(*, user: User, name: str) -> User:
    locked = locks.person(user.pk)
    before, locked.avatar = locked.avatar, name
    if before == name:
        return locked
    locked.save(update_fields=["avatar", "updated_at"])
    publish(
        ProfileUpdated(
            user_id=user.pk,
            before={"has_avatar": bool(before)},
            after={"has_avatar": bool(name)},
        )
    )
    transaction.on_commit(lambda: avatars.remove(before), robust=True)
    return locked


def forget_strays(*, at: datetime) -> int:
    """Delete pictures that nobody shows, left by a process that died at the wrong moment; return how many."""
    stored = avatars.stored_before(at - _STRAY)
    shown = set(User.objects.filter(avatar__in=stored).values_list("avatar", flat=True))
    strays = [name for name in stored if name not in shown]
    for name in strays:
        avatars.remove(name)
    return len(strays)
