"""How a person appears: name, time zone, metadata."""

from typing import Any

from django.db import transaction

from accounts.models import User
from accounts.services import locks
from accounts.signals import ProfileUpdated
from config.common.changes import assign
from config.common.events import publish


@transaction.atomic
def update_profile(*, user: User, changes: dict[str, Any]) -> User:
    """Change the given fields of a profile and return it; nothing happens when they are as they were."""
    locked = locks.person(user.pk)
    before, after = assign(locked, changes)
    if not after:
        return locked
    locked.save(update_fields=[*after, "updated_at"])
    publish(ProfileUpdated(user_id=user.pk, before=before, after=after))
    return locked
