"""Portions of a hot key's limits, taken from Redis before they are used and spent without asking again.

A token in a lease has been counted already, so no number of processes lets more calls pass than the limits say; what
a lease does not use within 250 ms goes back. Redis's clock decides everything: this process only measures how long
ago it was told something.
"""

from collections import deque
from collections.abc import Callable
from time import monotonic, time
from typing import Final

from apikeys.gateway import script
from apikeys.gateway.link import Link, LinkDown, NotDone, Reply
from apikeys.gateway.plans import MICRO, Count, Plan, read_answer
from apikeys.gateway.questions import Question

_IDLE_SECONDS: Final = 0.25
_QUICK_SECONDS: Final = 0.05
_SLOW_SECONDS: Final = 0.15


class Lease:
    """What this process holds of one plan.

    The numbers told to clients are those of the last portion, without what is held: at most one portion too low, and
    never too high.
    """

    __slots__ = (
        "dry_until", "head", "is_asking", "left", "numbers", "plan", "refusal", "size", "taken_at",
        "waiting",
    )  # fmt: skip

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.left = 0
        self.size = 1
        self.is_asking = False
        self.taken_at = 0.0
        self.dry_until = 0.0
        self.numbers: tuple[int, ...] = ()
        self.head = b""
        self.refusal: Count | None = None
        self.waiting: deque[Question] = deque()


class Leases:
    """All leases of one process."""

    def __init__(
        self,
        link: Link,
        *,
        on_allowed: Callable[[Question, Lease, float], None],
        on_refused: Callable[[Question, Plan, Count], None],
        on_seed: Callable[[Question, Plan], None],
        on_down: Callable[[Question, Plan, LinkDown], None],
    ) -> None:
        self._link = link
        self._on_allowed = on_allowed
        self._on_refused = on_refused
        self._on_seed = on_seed
        self._on_down = on_down
        self._active: set[Lease] = set()

    def ask(self, question: Question, plan: Plan, now: float) -> None:
        """Spend one token of the lease, or wait for the next portion, or refuse until there can be one."""
        lease: Lease | None = plan.lease
        if lease is None:
            lease = plan.lease = Lease(plan)
        if lease.left:
            lease.left -= 1
            self._on_allowed(question, lease, now)
            if lease.left << 1 < lease.size and not lease.is_asking and lease.size > 1:
                self._renew(lease)
            return
        if not lease.is_asking and lease.dry_until > monotonic():
            self._on_refused(question, plan, _refusal(lease))
            return
        lease.waiting.append(question)
        if not lease.is_asking:
            self._renew(lease)

    def _renew(self, lease: Lease) -> None:
        """Ask for what is missing of a portion; it doubles while it is used up quickly, and halves when it lasts.

        As much as all processes may hold stays in the bucket, also of what is spent at once: it may be full again while
        they still hold something.
        """
        now = monotonic()
        if lease.dry_until > now and not lease.waiting:
            return
        held_for = now - lease.taken_at
        if held_for < _QUICK_SECONDS:
            lease.size = min(lease.size * 2, lease.plan.portion)
        elif held_for > _SLOW_SECONDS:
            lease.size = max(1, lease.size // 2)
        calls = max(len(lease.waiting), lease.size - lease.left)
        if not calls:
            return
        lease.is_asking = True
        command = lease.plan.command(script.TAKE, calls, reserve=lease.plan.reserve)
        self._link.send(command, self._on_answer, (lease, calls))

    def _on_answer(self, context: tuple[Lease, int], answer: Reply) -> None:
        lease, calls = context
        lease.is_asking = False
        if isinstance(answer, LinkDown):
            down = answer
            self._hand_over(lease, lambda question, plan: self._on_down(question, plan, down))
        elif answer[0] < 0:
            self._hand_over(lease, self._on_seed)
        else:
            self._take(lease, calls, answer)

    def _hand_over(self, lease: Lease, to: Callable[[Question, Plan], None]) -> None:
        waiting, lease.waiting = lease.waiting, deque()
        for question in waiting:
            to(question, lease.plan)

    def _take(self, lease: Lease, calls: int, answer: list[int]) -> None:
        now = monotonic()
        wall = time()
        count = read_answer(lease.plan, answer, wall)
        lease.numbers, lease.refusal = count.numbers, None
        lease.head = lease.plan.allowed_head(count.numbers)
        lease.left += count.granted
        if count.granted:
            lease.taken_at = now
            self._active.add(lease)
        if count.granted < calls:
            lease.dry_until = now + _dry_seconds(lease.plan, answer)
        while lease.waiting and lease.left:
            lease.left -= 1
            self._on_allowed(lease.waiting.popleft(), lease, wall)
        if lease.waiting and count.granted == calls:
            self._renew(lease)
        elif lease.waiting:
            refusal = _refusal(lease)
            self._hand_over(lease, lambda question, plan: self._on_refused(question, plan, refusal))

    def sweep(self) -> None:
        """Hand back what was not used in time; called every 50 ms while there is somebody to take it."""
        oldest = monotonic() - _IDLE_SECONDS
        for lease in [lease for lease in self._active if lease.taken_at < oldest]:
            self._active.discard(lease)
            self._give_back(lease)

    def give_back_all(self) -> None:
        """Hand back everything: before the process ends, and what was held while Redis was away."""
        held, self._active = self._active, set()
        for lease in held:
            self._give_back(lease)

    def forget(self) -> None:
        """Drop everything that is held and hand nothing back."""
        for lease in self._active:
            lease.left = 0
        self._active.clear()

    def _give_back(self, lease: Lease) -> None:
        if lease.left:
            calls, lease.left = lease.left, 0
            command = lease.plan.command(script.GIVE_BACK, calls)
            self._link.send(command, self._on_given_back, (lease, calls))

    def _on_given_back(self, context: tuple[Lease, int], answer: Reply) -> None:
        """Keep what a full or read-only Redis does not take back; where nobody knows, it is not given twice."""
        lease, calls = context
        if isinstance(answer, NotDone):
            lease.left += calls
            self._active.add(lease)


def _dry_seconds(plan: Plan, answer: list[int]) -> float:
    """Return how long no token can come: until the slowest empty bucket has one, for a quota until a lease may return."""
    waits = [
        answer[2 + 2 * index] / MICRO
        for index in range(len(plan.buckets))
        if answer[1 + 2 * index] == 0
    ]
    return min(max(waits, default=_IDLE_SECONDS), _IDLE_SECONDS)


def _refusal(lease: Lease) -> Count:
    """Return the refusal that the script would give, read off its last answer and kept until the next."""
    if lease.refusal is None:
        plan, numbers = lease.plan, lease.numbers
        start = 2 * len(plan.buckets)
        answer = [0]
        for index in range(len(plan.buckets)):
            answer += [numbers[2 * index], numbers[2 * index + 1] * MICRO]
        answer += numbers[start::2]
        lease.refusal = read_answer(plan, answer, time())
    return lease.refusal
