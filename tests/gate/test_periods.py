"""When quotas and credits begin afresh."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikeys.restrictions import QuotaPeriod, Refill, add_months, period_of, refill_period

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "at", "start", "end"),
    [
        (QuotaPeriod.DAY, "2026-03-31T23:59:59.999999", "2026-03-31", "2026-04-01"),
        (QuotaPeriod.DAY, "2026-04-01T00:00:00", "2026-04-01", "2026-04-02"),
        (QuotaPeriod.WEEK, "2026-03-01T12:00:00", "2026-02-23", "2026-03-02"),
        (QuotaPeriod.WEEK, "2026-03-02T00:00:00", "2026-03-02", "2026-03-09"),
        (QuotaPeriod.MONTH, "2026-12-31T23:00:00", "2026-12-01", "2027-01-01"),
        (QuotaPeriod.BILLING, "2026-12-31T23:00:00", "2026-12-01", "2027-01-01"),
    ],
)
def test_calendar_periods_are_utc(period, at, start, end):
    assert period_of(period, _utc(at)) == (_utc(start), _utc(end))


def test_other_time_zones_are_converted():
    late = datetime(2026, 3, 31, 23, 30, tzinfo=timezone(timedelta(hours=-2)))

    assert period_of(QuotaPeriod.DAY, late)[0] == _utc("2026-04-01")


@pytest.mark.parametrize(
    ("at", "start", "end"),
    [
        ("2026-02-15T00:00:00", "2026-01-31T10:00", "2026-02-28T10:00"),
        ("2026-02-28T09:59:59", "2026-01-31T10:00", "2026-02-28T10:00"),
        ("2026-02-28T10:00:00", "2026-02-28T10:00", "2026-03-31T10:00"),
        ("2026-04-30T11:00:00", "2026-04-30T10:00", "2026-05-31T10:00"),
        ("2028-02-29T12:00:00", "2028-02-29T10:00", "2028-03-31T10:00"),
        ("2026-01-31T10:00:00", "2026-01-31T10:00", "2026-02-28T10:00"),
        ("2025-12-31T09:00:00", "2025-11-30T10:00", "2025-12-31T10:00"),
    ],
)
def test_billing_periods_follow_the_anchor_without_drifting(at, start, end):
    anchor = _utc("2026-01-31T10:00")

    assert period_of(QuotaPeriod.BILLING, _utc(at), anchor) == (_utc(start), _utc(end))


@given(MOMENTS, MOMENTS, st.sampled_from(QuotaPeriod))
def test_every_moment_lies_in_its_period(at, anchor, period):
    start, end = period_of(period, at, anchor)

    assert start <= at < end
    assert period_of(period, start, anchor) == (start, end)
    assert period_of(period, end, anchor)[0] == end


@given(MOMENTS, st.integers(-30, 30))
def test_months_are_clamped_to_their_last_day(start, months):
    moved = add_months(start, months)

    assert (moved.year * 12 + moved.month) - (start.year * 12 + start.month) == months
    assert moved.day == start.day or (moved + timedelta(days=1)).day == 1


def test_credits_without_refill_have_no_period():
    at = _utc("2026-05-17T12:00")

    assert refill_period(Refill.NONE, at) is None
    assert refill_period(Refill.DAILY, at) == (_utc("2026-05-17"), _utc("2026-05-18"))
    assert refill_period(Refill.MONTHLY, at) == (_utc("2026-05-01"), _utc("2026-06-01"))
