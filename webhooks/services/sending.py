"""The drain: hands out what is new, sends what is due, records what came of it, until nothing is left to do."""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import connection
from django.utils import timezone

from webhooks.services import claims, doorbell, fan_out, results
from webhooks.services.beside import Beside, relax_commits
from webhooks.transport import MANY, Result, Sender

# Well under the job's time limit; what is left then is for the next one.
DRAIN_SECONDS = 180.0
MAX_HELD = 2_000
# How soon the bell is heard, and how often rows are looked for without it.
_LISTEN_SECONDS = 0.02
_LOOK_SECONDS = 0.5
# For how long results gather while there are few of them.
_TICK_SECONDS = 0.02
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
    """One run with its own sender. This thread decides and claims; others, beside it, hand out and record."""

    def __init__(self, clock: Callable[[], datetime], dice: Callable[[], float]) -> None:
        self._clock = clock
        self._dice = dice
        self._made = 0
        self._listened_at = 0.0
        self._looked_at = 0.0
        self._recorded_at = 0.0
        # Whether there are new messages as far as we know, and whether there is perhaps something to claim.
        self._is_rung = False
        self._has_more = False
        self._has_work = False
        # Whether some endpoint has probably more than it could be claimed for.
        self._is_cut = False
        news = self._news = threading.Event()
        self._sender = Sender(clock=clock, news=news)
        self._handing_out: Beside[int] = Beside("webhook-hand-out", news=news)
        self._recording: Beside[int] = Beside("webhook-record", news=news)

    def run(self, deadline: float, linger: float) -> int:
        """Work until there is nothing to do, or no time."""
        quiet_since = time.monotonic()
        with self._sender, self._handing_out, self._recording:
            while True:
                now = time.monotonic()
                if self._step(may_claim=now < deadline):
                    quiet_since = time.monotonic()
                elif now >= deadline or now - quiet_since >= linger:
                    return self._made
                else:
                    time.sleep(_LISTEN_SECONDS)

    def _step(self, *, may_claim: bool) -> bool:
        """Do what there is to do now; return whether there was, or still is, anything."""
        self._listen()
        if may_claim:
            self._hand_out()
        self._take_results()
        finished = self._finished()
        is_found = may_claim and self._has_work and self._claim()
        self._record(finished)
        is_open = bool(self._handing_out.is_busy or self._recording.is_busy or self._sender.held)
        if is_open and not is_found:
            self._news.wait(_TICK_SECONDS)
            self._news.clear()
        return is_found or is_open

    def _listen(self) -> None:
        # While messages are handed out, or known to wait, there is nothing to hear; but it is said that we are here.
        is_deaf = self._is_rung or self._handing_out.is_busy
        now = time.monotonic()
        if not is_deaf or now - self._listened_at >= _LOOK_SECONDS:
            self._listened_at = now
            self._is_rung = doorbell.answer() or self._is_rung

    def _hand_out(self) -> None:
        """Have deliveries made of new messages: they ring, or are found in half a second."""
        now = time.monotonic()
        is_time = now - self._looked_at >= _LOOK_SECONDS
        if (is_time or self._is_rung) and not self._handing_out.is_busy:
            self._looked_at, self._is_rung = now, False
            # What is due again does not ring.
            self._has_work = self._has_work or is_time
            hand_out = partial(fan_out.fan_out, at=self._clock())
            self._handing_out.begin(hand_out, is_small=not self._has_more)

    def _take_results(self) -> None:
        handed_out, recorded = self._handing_out.result(), self._recording.result()
        if handed_out is not None:
            # A full batch has others behind it.
            self._has_more = handed_out == fan_out.BATCH
            self._is_rung = self._is_rung or self._has_more
            self._has_work = self._has_work or handed_out > 0
        if recorded is not None:
            self._made += recorded
            # There is room again, and perhaps the next of an ordering key.
            self._has_work = True

    def _claim(self) -> bool:
        """Claim what is due, as far as there is room for it; return whether there was anything."""
        room = MAX_HELD - self._sender.held
        shares = self._sender.room_by_endpoint()
        parcels = claims.claim(at=self._clock(), room=room, shares=shares) if room > 0 else []
        self._sender.submit(parcels)
        # Who got less than there is room for got all that may be had until there is more room, or something is handed out
        # or recorded.
        self._has_work = 0 < room == len(parcels)
        got = Counter(parcel.webhook_id for parcel in parcels)
        self._is_cut = any(n >= shares.get(who, claims.FIRST_SHARE) for who, n in got.items())
        return bool(parcels)

    def _finished(self) -> list[Result]:
        """Take what is to be written down: many results at once, or what there is after a moment."""
        is_time = time.monotonic() - self._recorded_at >= _TICK_SECONDS
        if self._recording.is_busy or not (is_time or self._sender.is_worth_collecting):
            return []
        finished = self._sender.collect()
        # Their places are free, before they are written down.
        self._has_work = self._has_work or (self._is_cut and bool(finished))
        return finished

    def _record(self, finished: list[Result]) -> None:
        if finished:
            self._recorded_at = time.monotonic()
            record = partial(results.record, finished, dice=self._dice)
            self._recording.begin(record, is_small=len(finished) < MANY)


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
        relax_commits()
    try:
        yield True
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET synchronous_commit")
            cursor.execute(_FREE, [number])
