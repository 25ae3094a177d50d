"""The drain: hands out what is new, sends what is due, records what came of it, until nothing is left to do."""

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from webhooks.services import claims, doorbell, fan_out
from webhooks.services.recording import Recorder, unhurried
from webhooks.transport import Sender

logger = structlog.get_logger(__name__)
# Well under the job's time limit; what is left then is for the next one.
DRAIN_SECONDS = 180.0
MAX_HELD = 2_000
# How soon the bell is heard while requests are under way, and how often rows are looked for without it.
_LISTEN_SECONDS = 0.02
_LOOK_SECONDS = 0.5
_SLOT = "SELECT pg_try_advisory_lock(hashtext('tollgate.webhooks.drain'), %s)"
_FREE = "SELECT pg_advisory_unlock(hashtext('tollgate.webhooks.drain'), %s)"


def drain(
    *,
    seconds: float = DRAIN_SECONDS,
    linger: float = 0.0,
    clock: Callable[[], datetime] = timezone.now,
    dice: Callable[[], float] = random.random,
) -> int:
    """Send until nothing is due, or the time is up, and return how many attempts were made.

    Nothing happens where as many as WEBHOOK_SENDERS do so already. `linger` is for how long to wait for the bell once
    nothing is left.
    """
    deadline, made = time.monotonic() + seconds, 0
    with _slot() as is_ours:
        while is_ours:
            made += _Drain(clock, dice).run(deadline, linger)
            # Who rang after the last look found nobody at the door.
            if not doorbell.leave() or time.monotonic() >= deadline:
                break
    return made


class _Drain:
    """One run with its own sender."""

    def __init__(self, clock: Callable[[], datetime], dice: Callable[[], float]) -> None:
        self._clock = clock
        self._dice = dice
        self._looked_at = 0.0
        self._submitted = 0
        self._has_more = False
        self._has_room = False

    def run(self, deadline: float, linger: float) -> int:
        """Work until there is nothing to do, or no time."""
        quiet_since = time.monotonic()
        with Sender(clock=self._clock) as sender, Recorder(sender, dice=self._dice) as recorder:
            while True:
                now = time.monotonic()
                if self._step(sender, recorder, may_claim=now < deadline):
                    quiet_since = time.monotonic()
                elif now >= deadline or now - quiet_since >= linger:
                    return recorder.made
                else:
                    time.sleep(_LISTEN_SECONDS)

    def _step(self, sender: Sender, recorder: Recorder, *, may_claim: bool) -> bool:
        """Do what there is to do now; return whether there was, or still is, anything."""
        is_rung = doorbell.answer()
        is_time = time.monotonic() - self._looked_at >= _LOOK_SECONDS
        # A full batch has others behind it; otherwise new messages ring, or are found in half a second.
        is_found = False
        if may_claim and (is_rung or is_time or self._has_more):
            is_found = self._hand_out() | self._claim(sender)
        elif may_claim and self._has_room:
            is_found = self._claim(sender)
        is_open = recorder.written < self._submitted
        if recorder.wait(_LISTEN_SECONDS if is_open and not is_found else 0.0):
            # There is room again, and perhaps the next of an ordering key.
            self._has_room = True
        return is_found or is_open

    def _hand_out(self) -> bool:
        """Make deliveries of new messages; return whether there were any."""
        self._looked_at = time.monotonic()
        count = fan_out.fan_out(at=self._clock())
        self._has_more = count == fan_out.BATCH
        return count > 0

    def _claim(self, sender: Sender) -> bool:
        """Claim what is due, as far as there is room for it; return whether there was anything."""
        room = MAX_HELD - sender.held
        shares = sender.room_by_endpoint()
        parcels = claims.claim(at=self._clock(), room=room, shares=shares) if room > 0 else []
        self._submitted += len(parcels)
        sender.submit(parcels)
        self._has_room = bool(parcels)
        return bool(parcels)


@contextlib.contextmanager
def _slot() -> Iterator[bool]:
    """Hold one of the places of those who send; the database takes it back when its holder dies."""
    with connection.cursor() as cursor:
        for number in range(settings.WEBHOOK_SENDERS):
            cursor.execute(_SLOT, [number])
            if cursor.fetchone() == (True,):
                break
        else:
            yield False
            return
    try:
        with unhurried():
            yield True
    finally:
        with connection.cursor() as cursor:
            cursor.execute(_FREE, [number])
