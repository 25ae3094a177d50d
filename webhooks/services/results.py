"""Recording what came of attempts, in bulk: the log by COPY, deliveries by one statement, the endpoints' health."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
from django.db import connection, transaction

from config.common.http import Answer
from webhooks import retry
from webhooks.models import Outcome, Status, Trigger
from webhooks.services import health
from webhooks.services.health import Verdict
from webhooks.transport import Result

_COPY = """
    COPY webhooks_webhookattempt (delivery_id, webhook_id, number, trigger, at, duration_ms, outcome, url, address,
        signature, status_code, response_headers, response_body, error) FROM STDIN
"""
# A delivery that somebody else claimed meanwhile, or that was canceled or resent, stays as it is, but for its attempts;
# a success counts whoever had it.
_UPDATE = """
    UPDATE webhooks_webhookdelivery AS delivery SET
        status = new.status, next_attempt_at = new.next_attempt_at, completed_at = new.completed_at,
        attempts = delivery.attempts + 1, tries = new.tries, leased_until = NULL, trigger = new.trigger,
        last_attempt_at = new.at, last_outcome = new.outcome, last_status_code = new.status_code
    FROM json_to_recordset(%s::json) AS new (id bigint, claim int, status text, next_attempt_at timestamptz,
        completed_at timestamptz, tries int, trigger text, at timestamptz, outcome text, status_code int)
    WHERE delivery.id = new.id
        AND (delivery.claims = new.claim AND delivery.status = 'PENDING' OR new.status = 'SUCCEEDED')
    RETURNING delivery.id
"""
_COUNT = """
    UPDATE webhooks_webhookdelivery AS delivery SET attempts = delivery.attempts + 1,
        last_attempt_at = new.at, last_outcome = new.outcome, last_status_code = new.status_code
    FROM json_to_recordset(%s::json) AS new (id bigint, at timestamptz, outcome text, status_code int)
    WHERE delivery.id = new.id
"""
_HAND_BACK = """
    UPDATE webhooks_webhookdelivery AS delivery SET leased_until = NULL
    FROM unnest(%s::bigint[], %s::int[]) AS new (id, claim)
    WHERE delivery.id = new.id AND delivery.claims = new.claim AND delivery.status = 'PENDING'
"""
# Only those whose delivery still exists: an endpoint may be deleted while it is being called.
_STANDING = "SELECT id FROM webhooks_webhookdelivery WHERE id = ANY(%s) FOR UPDATE"


@dataclass(frozen=True, slots=True)
class _Settled:
    """One result with what it means."""

    result: Result
    answer: Answer
    outcome: Outcome
    delay: timedelta | None

    @property
    def status(self) -> Status:
        if self.outcome == Outcome.SUCCEEDED:
            return Status.SUCCEEDED
        is_over = self.delay is None or self.outcome == Outcome.GONE
        return Status.FAILED if is_over else Status.PENDING

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.result.parcel.webhook_id, self.outcome, self.result.finished_at)


@transaction.atomic
def record(results: Sequence[Result], *, dice: Callable[[], float]) -> None:
    """Write down what came of attempts and when each delivery is tried again; what was handed back is due at once."""
    answered = sorted(
        (_settled(result, result.answer, dice) for result in results if result.answer is not None),
        key=lambda one: one.result.finished_at,
    )
    verdicts = [one.verdict for one in answered]
    suspects = health.lock(verdicts)
    standing = _standing(results)
    _hand_back([result for result in results if result.answer is None])
    settled = [one for one in answered if one.result.parcel.delivery_id in standing]
    if settled:
        _log(settled)
        _update(settled)
        health.judge(verdicts, suspects)


def outcome_of(answer: Answer) -> Outcome:
    """Return what an answer, or the want of one, is called."""
    if answer.trouble is not None:
        return Outcome(answer.trouble.value)
    status = answer.status or 0
    if 200 <= status < 300:
        return Outcome.SUCCEEDED
    if status == 410:
        return Outcome.GONE
    return Outcome.REDIRECTED if 300 <= status < 400 else Outcome.REFUSED


def _settled(result: Result, answer: Answer, dice: Callable[[], float]) -> _Settled:
    outcome = outcome_of(answer)
    if outcome == Outcome.SUCCEEDED:
        return _Settled(result, answer, outcome, None)
    delay = retry.next_delay(
        result.parcel.tries + 1,
        retry_after=retry_after(answer, at=result.finished_at),
        is_overloaded=answer.status == 429 or outcome == Outcome.TIMED_OUT,
        dice=dice,
    )
    return _Settled(result, answer, outcome, delay)


def retry_after(answer: Answer, *, at: datetime) -> timedelta | None:
    """Read `Retry-After`, seconds or a date; None when there is none that can be read."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 10_000_000))
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(moment - at, timedelta(0))


def _standing(results: Iterable[Result]) -> set[int]:
    ids = sorted(result.parcel.delivery_id for result in results)
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, [ids])
        return {row[0] for row in cursor.fetchall()}


def _hand_back(results: Sequence[Result]) -> None:
    if not results:
        return
    ids = [result.parcel.delivery_id for result in results]
    claims = [result.parcel.claim for result in results]
    with connection.cursor() as cursor:
        cursor.execute(_HAND_BACK, [ids, claims])


def _log(settled: Iterable[_Settled]) -> None:
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for one in settled:
            copy.write_row(_row(one))


def _row(one: _Settled) -> tuple[Any, ...]:
    parcel, answer = one.result.parcel, one.answer
    return (
        parcel.delivery_id,
        parcel.webhook_id,
        parcel.attempts + 1,
        parcel.trigger,
        one.result.at,
        round(answer.seconds * 1000),
        one.outcome.value,
        parcel.url,
        answer.address,
        one.result.signature,
        answer.status,
        orjson.dumps(dict(answer.headers)).decode(),
        _body(answer),
        answer.detail[:300],
    )


def _body(answer: Answer) -> str:
    # Never unpacked: whatever a body is packed in, its bytes are no text.
    packed = answer.headers.get("content-encoding", "")
    if packed and packed.lower() != "identity":
        return f"[{len(answer.body)} bytes, {packed[:40]}]"
    text = answer.body.decode("utf-8", errors="replace").replace("\x00", "�")
    return f"{text}…" if answer.is_cut else text


def _update(settled: Iterable[_Settled]) -> None:
    # As JSON, which costs a tenth of what arrays do.
    states = [_state(one) for one in settled]
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, [orjson.dumps(states).decode()])
        done = {row[0] for row in cursor.fetchall()}
        late = [state for state in states if state["id"] not in done]
        if late:
            cursor.execute(_COUNT, [orjson.dumps(late).decode()])


def _state(one: _Settled) -> dict[str, Any]:
    parcel, status, finished_at = one.result.parcel, one.status, one.result.finished_at
    is_open = status == Status.PENDING
    return {
        "id": parcel.delivery_id,
        "claim": parcel.claim,
        "status": status.value,
        "next_attempt_at": finished_at + one.delay if is_open and one.delay is not None else None,
        "completed_at": None if is_open else finished_at,
        "tries": parcel.tries + 1,
        "trigger": Trigger.RETRY.value if is_open else parcel.trigger,
        "at": one.result.at,
        "outcome": one.outcome.value,
        "status_code": one.answer.status,
    }
