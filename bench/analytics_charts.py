"""How long a chart takes: a month by the hour from the roll-ups, beside the same from the calls themselves.

Run as `python -m bench.analytics_charts [--events 1000000 10000000] [--repeat 20]`.
"""

import argparse
import datetime as dt
import time
from collections.abc import Callable
from dataclasses import replace

from bench import analytics_setup as setup  # first: it starts the servers

from django.db import connection  # isort: skip

from analytics.selectors import usage  # isort: skip
from analytics.selectors.usage import UsageQuery  # isort: skip
from analytics.services import partitions, rebuilding  # isort: skip
from organizations.models import Organization  # isort: skip

DAYS = 30
TODAY = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
FIRST = TODAY - dt.timedelta(days=DAYS)
# A third of all calls are one organization's, the others' shares fall off.
GENERATE = """
INSERT INTO analytics_apiusagelog
    (at, organization_id, api_key_id, api_id, rule_id, units, request_id, environment, method, path, route,
     outcome, address, user_agent, status, latency_ms, bytes_in, bytes_out)
SELECT %s::timestamptz + random() * interval '1 day', key %% 100 + 1, key, 1, 0, 1, md5(n::text || %s), 'live', 'GET',
    '/v1/things/' || n, 'GET /v1/' || (n %% 20), CASE WHEN n %% 20 = 0 THEN 'RATE_LIMITED' ELSE 'VALID' END,
    '203.0.113.7', 'curl/8.5.0', 200, (5 + 40 * -ln(1 - random()))::int, 200, 2000
FROM (SELECT n, CASE WHEN n %% 3 = 0 THEN 100 ELSE 1 + (random() ^ 3 * 999)::int END AS key
      FROM generate_series(1, %s) AS n) AS numbered
"""
RAW_CHART = """
SELECT extract(epoch FROM date_trunc('hour', at))::bigint, count(*), count(*) FILTER (WHERE outcome <> 'VALID')
FROM analytics_apiusagelog WHERE organization_id = 1 AND at >= %s AND at < %s GROUP BY 1 ORDER BY 1
"""
CHART = """
SELECT extract(epoch FROM hour)::bigint, calls, calls - allowed FROM analytics_hourlyusage
WHERE organization_id = 1 AND hour >= %s AND hour < %s ORDER BY hour
"""
RAW_MONTH = """
SELECT count(*), sum(units) FROM analytics_apiusagelog WHERE organization_id = 1 AND at >= %s AND at < %s
"""
MONTH = """
SELECT sum(calls), sum(units) FROM analytics_dailyusage WHERE organization_id = 1 AND day >= %s AND day < %s
"""


def generate(events: int) -> None:
    """Fill the log with a month of calls and recompute the roll-ups."""
    with connection.cursor() as cursor:
        for day in range(DAYS):
            start = FIRST + dt.timedelta(days=day)
            cursor.execute(GENERATE, [start, f"{events}-{day}", events // DAYS])
    started = time.perf_counter()
    list(rebuilding.rebuild(first=FIRST.date(), last=TODAY.date()))
    print(f"{events:,} calls; roll-ups rebuilt in {time.perf_counter() - started:.0f} s")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def milliseconds(repeat: int, work: Callable[[], object]) -> float:
    """Return the median time of some repetitions, after one that warms up."""
    work()
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1e3)
    return setup.median(times)


def sql(statement: str) -> Callable[[], object]:
    """Return what runs a query over the month and reads its rows."""

    def work() -> object:
        with connection.cursor() as cursor:
            cursor.execute(statement, [FIRST, TODAY])
            return cursor.fetchall()

    return work


def contestants() -> dict[str, Callable[[], object]]:
    """Return what is measured."""
    asked = UsageQuery(
        organization=Organization(pk=1), first=FIRST, last=TODAY, measures=("calls", "errors")
    )
    days = replace(asked, granularity="total")
    latency = replace(asked, measures=("calls", "latency_p95"))
    return {
        "a round trip": sql("SELECT 1 WHERE %s::timestamptz < %s::timestamptz"),
        "30 days by the hour, from the calls": sql(RAW_CHART),
        "30 days by the hour, from the roll-up": sql(CHART),
        "the same through the API's selector": lambda: usage.series(asked),
        "the same with p95 of each hour": lambda: usage.series(latency),
        "a month's total, from the calls": sql(RAW_MONTH),
        "a month's total, from the roll-up": sql(MONTH),
        "the same through the API's selector (totals)": lambda: usage.totals(days),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    setup.people()
    partitions.ensure(FIRST.date() + dt.timedelta(days=day) for day in range(DAYS))
    results: dict[str, list[float]] = {}
    for events in options.events:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE analytics_apiusagelog")
        generate(events)
        for name, work in contestants().items():
            repeat = max(3, options.repeat // 4) if "calls" in name else options.repeat
            results.setdefault(name, []).append(milliseconds(repeat, work))
    header = ("", *(f"{events:,} calls (ms)" for events in options.events))
    setup.table(header, [(name, *(f"{ms:.2f}" for ms in times)) for name, times in results.items()])
    for what in ("30 days by the hour", "a month's total"):
        raw = results[f"{what}, from the calls"][-1]
        print(f"{what}: {raw / results[f'{what}, from the roll-up'][-1]:,.0f} times as fast")


if __name__ == "__main__":
    main()
