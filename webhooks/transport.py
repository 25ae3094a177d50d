"""Sending parcels: one event loop in a thread of its own, bounded as a whole and per endpoint.

Whoever claims and records stays outside and hands over batches. Each endpoint has a lane: its parcels start in order,
as many at once as it has shown to cope with. A lane whose endpoint keeps failing hands back what it holds.
"""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
import uvloop

from config.common.http import Answer, Client, Trouble
from webhooks import presets, retry, signing

logger = structlog.get_logger(__name__)
MAX_RUNNING = 400
# What a lane may hold: as much as is sent within this time at the endpoint's own speed, well inside the lease.
_HOLD_SECONDS = 15.0
_MAX_HELD = 1_000
_FIRST_CAP = 2
# So many results are written down at a time, if there are as many.
MANY = 100
# A request that begins later than this before its lease ends might still run when somebody else begins it again.
_MARGIN = timedelta(seconds=20)


@dataclass(slots=True)
class Parcel:
    """One claimed delivery with all that is needed to send it."""

    delivery_id: int
    claim: int
    webhook_id: int
    attempts: int
    tries: int
    trigger: str
    message_id: str
    payload: str
    url: str
    kind: str
    concurrency: int
    failures_in_a_row: int
    _: KW_ONLY
    leased_until: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = ()


@dataclass(slots=True)
class Result:
    """What came of a parcel; without an answer it was handed back unsent."""

    parcel: Parcel
    at: datetime
    finished_at: datetime
    signature: str = ""
    answer: Answer | None = None


@dataclass(slots=True)
class _Lane:
    """The parcels of one endpoint within this process."""

    cap: int
    concurrency: int
    failures: int
    waiting: deque[Parcel] = field(default_factory=deque)
    running: int = 0
    seconds: float | None = None

    @property
    def share(self) -> int:
        """How many parcels may be with this process at once."""
        if self.failures >= retry.CIRCUIT_OPENS_AFTER:
            return 1
        if self.seconds is None:
            return 2 * self.cap
        return min(max(int(self.cap * _HOLD_SECONDS / max(self.seconds, 0.001)), 1), _MAX_HELD)

    def learn(self, answer: Answer) -> None:
        """Let one answer change how many requests run at once: one more after success, one alone after failure."""
        is_success = answer.status is not None and 200 <= answer.status < 300
        self.failures = 0 if is_success else self.failures + 1
        faster = self.seconds if self.seconds is not None else answer.seconds
        self.seconds = 0.8 * faster + 0.2 * answer.seconds
        if is_success and answer.seconds < 1.0:
            self.cap = min(self.cap + 1, self.concurrency)
        elif answer.trouble is not None:
            self.cap = 1


class Sender:
    """The thread that sends. `submit` and `collect` are called by one other thread, which `news` wakes."""

    def __init__(self, *, clock: Any, news: threading.Event) -> None:
        self._clock = clock
        self._news = news
        self._client = Client()
        self._loop = uvloop.new_event_loop()
        self._stopping = asyncio.Event()
        self._lanes: dict[int, _Lane] = {}
        self._turn: deque[int] = deque()
        self._running = 0
        self._held: Counter[int] = Counter()
        self._results: deque[Result] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._live, name="webhook-sender", daemon=True)

    def __enter__(self) -> "Sender":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop at once; what is under way is left to its lease."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout=10)

    @property
    def held(self) -> int:
        """How many parcels are with the sender, results that nobody collected included."""
        return self._held.total()

    @property
    def is_worth_collecting(self) -> bool:
        """Whether there are many results, or no more to come."""
        return len(self._results) >= MANY or not self._running

    def room_by_endpoint(self) -> dict[int, int]:
        """Return how many more parcels each known endpoint may be claimed for."""
        return {
            webhook_id: max(lane.share - self._held[webhook_id], 0)
            for webhook_id, lane in self._lanes.copy().items()
        }

    def submit(self, parcels: Sequence[Parcel]) -> None:
        """Hand over what was claimed."""
        self._held.update(parcel.webhook_id for parcel in parcels)
        if parcels:
            self._loop.call_soon_threadsafe(self._accept, parcels)

    def collect(self) -> list[Result]:
        """Return what is finished."""
        found = []
        while self._results:
            found.append(self._results.popleft())
        self._held.subtract(result.parcel.webhook_id for result in found)
        return found

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        async with self._client:
            await self._stopping.wait()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            lane = self._lanes.get(parcel.webhook_id)
            if lane is None:
                cap = min(_FIRST_CAP, parcel.concurrency)
                lane = _Lane(cap, parcel.concurrency, parcel.failures_in_a_row)
                self._lanes[parcel.webhook_id] = lane
            lane.concurrency = parcel.concurrency
            lane.waiting.append(parcel)
            if len(lane.waiting) == 1:
                self._turn.append(parcel.webhook_id)
        self._pump()

    def _pump(self) -> None:
        """Start as many tasks as may run."""
        while (found := self._next()) is not None:
            task = self._loop.create_task(self._run(*found))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self) -> tuple[_Lane, Parcel] | None:
        """Take a parcel that may start, one per lane in turn, so that a long lane is not served before a short one."""
        for _ in range(len(self._turn) if self._running < MAX_RUNNING else 0):
            webhook_id = self._turn.popleft()
            lane = self._lanes[webhook_id]
            parcel = self._fresh(lane) if lane.running < lane.cap else None
            if lane.waiting:
                self._turn.append(webhook_id)
            if parcel is not None:
                lane.running += 1
                self._running += 1
                return lane, parcel
        return None

    def _fresh(self, lane: _Lane) -> Parcel | None:
        """Take a lane's next parcel whose lease lasts long enough, and hand back those before it."""
        while lane.waiting:
            parcel = lane.waiting.popleft()
            if parcel.leased_until - self._clock() >= _MARGIN:
                return parcel
            self._hand_back(parcel)
        return None

    async def _run(self, lane: _Lane, parcel: Parcel) -> None:
        """Send one parcel after the other for as long as there is one that may start."""
        found: tuple[_Lane, Parcel] | None = (lane, parcel)
        while found is not None:
            await self._send(*found)
            found = self._next()
            # A success may have made room for one more at once.
            self._pump()

    async def _send(self, lane: _Lane, parcel: Parcel) -> None:
        at, signature = self._clock(), ""
        try:
            headers, body = prepared(parcel, at=at)
            signature = headers["webhook-signature"]
            answer = await self._client.post(parcel.url, headers=headers, body=body)
        except Exception:
            # Nothing of the other side's raises; it is ours, such as a secret that cannot be read.
            logger.exception("webhook_not_prepared", delivery_id=parcel.delivery_id)
            answer = Answer(trouble=Trouble.MALFORMED, detail="The request could not be prepared.")
        finally:
            lane.running -= 1
            self._running -= 1
        lane.learn(answer)
        self._finish(Result(parcel, at, self._clock(), signature, answer))
        if lane.failures >= retry.CIRCUIT_OPENS_AFTER:
            while lane.waiting:
                self._hand_back(lane.waiting.popleft())
            if parcel.webhook_id in self._turn:
                self._turn.remove(parcel.webhook_id)

    def _hand_back(self, parcel: Parcel) -> None:
        now = self._clock()
        self._finish(Result(parcel, now, now))

    def _finish(self, result: Result) -> None:
        self._results.append(result)
        # Said once: while the last ones are being written down, more of them are no news.
        if len(self._results) == MANY or not self._running:
            self._news.set()


def prepared(parcel: Parcel, *, at: datetime) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of an attempt; what is signed is, byte for byte, what is sent.

    Raises ValueError when there is nothing to sign with.
    """
    if not parcel.secrets:
        raise ValueError("The endpoint has no secret that can be read.")
    body = orjson.dumps(presets.transformed(parcel.kind, orjson.loads(parcel.payload)))
    timestamp = int(at.timestamp())
    signed = signing.signature(
        parcel.secrets, message_id=parcel.message_id, timestamp=timestamp, body=body
    )
    ours = {
        "Content-Type": "application/json",
        "webhook-id": parcel.message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signed,
    }
    return {**parcel.headers, **ours}, body
