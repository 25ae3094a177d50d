"""The schedule, Retry-After, notices and the circuit, without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from webhooks import retry

AT = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def delay(tries, *, after=None, overloaded=False, dice=0.5):
    return retry.next_delay(
        tries,
        retry_after=None if after is None else timedelta(seconds=after),
        is_overloaded=overloaded,
        dice=lambda: dice,
    )


def test_the_schedule_is_as_documented():
    waits = [delay(tries).total_seconds() for tries in range(1, 10)]

    assert waits == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert delay(10) is None


@pytest.mark.parametrize(("dice", "seconds"), [(0.0, 240), (0.5, 300), (1.0, 360)])
def test_jitter_is_a_fifth_to_either_side(dice, seconds):
    assert delay(2, dice=dice) == seconds * SECOND


@pytest.mark.parametrize("dice", [0.0, 0.5, 1.0])
def test_who_is_overloaded_is_left_alone_for_a_minute(dice):
    assert delay(1, overloaded=True, dice=dice) == 60 * SECOND


@pytest.mark.parametrize(
    ("tries", "after", "overloaded", "seconds"),
    [(1, 0, False, 5), (1, 7, False, 7), (1, 3600, False, 10), (2, 60, False, 300), (2, 450, False, 450),
     (2, 9999, False, 600), (1, 90, True, 90), (1, 9999, True, 120)],
)  # fmt: skip
def test_retry_after_is_honored_between_the_delay_and_twice_that(tries, after, overloaded, seconds):
    assert delay(tries, after=after, overloaded=overloaded) == seconds * SECOND


@pytest.mark.parametrize(
    ("hours", "noticed", "due"),
    [(59, 0, 0), (60, 0, 50), (60, 50, 0), (108, 50, 90), (108, 0, 90), (119, 90, 0), (120, 90, 100), (200, 100, 0)],
)  # fmt: skip
def test_notices_come_at_half_nine_tenths_and_the_whole_of_five_days(hours, noticed, due):
    at = AT + timedelta(hours=hours)

    assert retry.notice_due(failing_since=AT, at=at, noticed_percent=noticed) == due


@pytest.mark.parametrize(
    ("silence", "is_new"), [(timedelta(days=3), False), (timedelta(days=3, seconds=1), True)]
)
def test_who_was_not_tried_for_three_days_did_not_fail_all_the_time(silence, is_new):
    last = AT + timedelta(hours=1)

    since = retry.failing_since(AT, last_failure_at=last, at=last + silence)

    assert since == (last + silence if is_new else AT)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, None), (4, None), (5, 30), (6, 60), (7, 120), (9, 480), (10, 600), (1000, 600)],
)
def test_the_circuit_opens_after_five_failures_for_ever_longer(failures, seconds):
    wait = retry.circuit_wait(failures)

    assert wait == (None if seconds is None else seconds * SECOND)
