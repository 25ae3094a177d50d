"""The latency histogram: its buckets, its error, and that SQL and Python mean the same."""

import math
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import histogram
from tests.analytics.sums import latency

latencies = st.lists(st.integers(0, histogram.LONGEST_MS), min_size=1, max_size=300)
shares = st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0])


def exact(values: list[int], share: float) -> int:
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


def sql(expression: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression}", values)
        return cursor.fetchone()[0]


@given(latencies, shares)
def test_a_quantile_is_off_by_at_most_five_percent(values, share):
    found = histogram.quantile(latency(*values), share)

    assert found == pytest.approx(exact(values, share), rel=0.05)


@given(st.lists(st.integers(0, 19), min_size=1), shares)
def test_quantiles_below_twenty_milliseconds_are_exact(values, share):
    assert histogram.quantile(latency(*values), share) == exact(values, share)


@given(latencies, latencies)
def test_merging_is_counting_together(first, second):
    assert histogram.merged(latency(*first), latency(*second)) == latency(*first, *second)


def test_no_quantile_of_nothing():
    assert histogram.quantile([], 0.5) is None
    assert histogram.quantile([0, 0], 0.5) is None


def test_the_longest_latencies_share_the_last_bucket():
    assert histogram.bucket(10**9) == len(histogram.BEGINS)
    assert histogram.quantile(latency(10**9), 0.5) == histogram.middle(len(histogram.BEGINS))
    assert histogram.BEGINS[-1] >= histogram.LONGEST_MS


@pytest.mark.django_db
def test_sql_has_the_same_buckets():
    assert sql("tollgate_latency_begins()") == list(histogram.BEGINS)
    for value in [*range(300), 600_000, 10**9, *(begin - 1 for begin in histogram.BEGINS[1:])]:
        assert sql("tollgate_latency_bucket(%s)", value) == histogram.bucket(value)


@pytest.mark.django_db
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=latencies, second=latencies, share=shares)
def test_sql_counts_merges_and_reads_alike(db, first, second, share):
    one, other = latency(*first), latency(*second)

    collected = sql("tollgate_histogram_of(ms) FROM unnest(%s::int[]) AS ms", first)
    merged = sql("tollgate_histogram_add(%s::bigint[], %s::bigint[])", one, other)
    summed = sql(
        "tollgate_histogram_sum(h::bigint[]) FROM unnest(%s::text[]) AS h",
        ["{" + ",".join(map(str, counts)) + "}" for counts in (one, other, [])],
    )

    assert collected == one
    assert merged == summed == histogram.merged(one, other)
    assert sql("tollgate_histogram_quantile(%s::bigint[], %s)", one, share) == histogram.quantile(
        one, share
    )


@pytest.mark.django_db
def test_sql_knows_no_quantile_of_nothing():
    assert sql("tollgate_histogram_quantile('{}', 0.95)") is None
    assert (
        sql("tollgate_histogram_sum(h) FROM (SELECT '{}'::bigint[]) AS rows (h) WHERE false") == []
    )
