"""Where people have signed in before. A browser shows that it is the same one by a long random token.

A known device leaves its owner a way in while strangers guess; a trusted one spares them the second factor for a while.
"""

import re
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import Device, User
from accounts.services import alerts, locks, pace
from accounts.signals import DeviceRemoved, DeviceTrusted
from config.common import changes, context, crypto
from config.common.events import publish

TRUST_LIFETIME = timedelta(days=30)
# So that somebody who has the password cannot bury the one mail that matters under others.
MAILS_PER_HOUR = 10
_TOKEN = re.compile(r"[0-9A-Za-z_-]{43}")


def new_token() -> str:
    """Return what a browser keeps to be known by."""
    return crypto.new_token()


def is_token(text: str) -> bool:
    """Whether a text has the shape of a device's token."""
    return _TOKEN.fullmatch(text) is not None


@transaction.atomic
def note(*, user: User, token: str, at: datetime) -> Device:
    """Remember that a person signs in with a device; a new one is reported by mail, but for their very first.

    A client without a token is taken for the one that came from the same address under the same name before. The
    caller holds the person's row.
    """
    here = context.current()
    device = user.devices.filter(digest=_digest(token)).first()
    if device is None:
        device = Device(user=user, digest=_digest(token))
        _tell(user, at=at)
    device.ip, device.user_agent, device.last_used_at = here.ip, here.user_agent, at
    device.save()
    return device


def _digest(token: str) -> bytes:
    here = context.current()
    # No token looks like this, so that nobody becomes a known device by knowing an address.
    return crypto.digest(token if is_token(token) else f"\n{here.ip}\n{here.user_agent}")


def _tell(user: User, *, at: datetime) -> None:
    counted = pace.subject("new-device", str(user.pk))
    mails = pace.count(counted, at=at, window=timedelta(hours=1)) if user.login_count else 0
    if 0 < mails <= MAILS_PER_HOUR:
        alerts.send("accounts/new_device", to=user)


def is_trusted(*, user: User, token: str, at: datetime) -> bool:
    """Whether a password is enough on the device. Staff always gives the second factor."""
    trusted = user.devices.filter(digest=crypto.digest(token), trusted_until__gt=at)
    return is_token(token) and not user.is_staff and trusted.exists()


@transaction.atomic
def trust(*, device: Device, at: datetime) -> None:
    """Let a password be enough on the device for thirty days."""
    before = changes.snapshot(device)
    device.trusted_until = at + TRUST_LIFETIME
    device.save(update_fields=["trusted_until", "updated_at"])
    publish(
        DeviceTrusted(user_id=device.user_id, device_id=device.pk),
        **changes.since(before, device),
    )


def end_trust(*, user: User) -> None:
    """Ask for the second factor on every device again; they stay known."""
    user.devices.exclude(trusted_until=None).update(trusted_until=None)


@transaction.atomic
def remove(*, user: User, device_id: int) -> bool:
    """Forget one of a person's devices: it is neither known nor trusted any more. Return whether there was one."""
    owner = locks.person(user.pk)
    device = owner.devices.filter(pk=device_id).first()
    if device is None:
        return False
    told = changes.told(device)
    # Its sessions forget it: like whoever ends one, this has their rows first and the log's lock second.
    list(owner.sessions.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    device.delete()
    publish(DeviceRemoved(user_id=user.pk, device_id=device_id), before=told)
    return True
