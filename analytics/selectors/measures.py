"""What can be measured of usage, as expressions over any roll-up."""

from collections.abc import Mapping
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Aggregate,
    BigIntegerField,
    DateTimeField,
    F,
    Func,
    IntegerField,
    Value,
)
from django.db.models.expressions import Combinable, Expression


class HistogramSum(Aggregate):
    """Merges latency histograms."""

    function = "tollgate_histogram_sum"
    output_field = ArrayField(BigIntegerField())


class Total(Aggregate):
    """Adds up whole numbers; PostgreSQL's own result would be a decimal, which is slow to read."""

    function = "SUM"
    template = "%(function)s(%(expressions)s)::bigint"
    output_field = BigIntegerField()


class Quantile(Func):
    """Reads a quantile, in milliseconds, from a histogram; null where nothing was reported."""

    function = "tollgate_histogram_quantile"
    output_field = IntegerField()


class Epoch(Func):
    """Seconds since 1970: a plain number, which the driver reads ten times as fast as a time."""

    template = "extract(epoch FROM %(expressions)s)::bigint"
    output_field = BigIntegerField()


class DayIn(Func):
    """The day in a time zone as its calendar writes it, given the zone's name and the time.

    It is no moment: when a day began that has midnight twice, PostgreSQL and Python do not agree.
    """

    template = "date_trunc('day', timezone(%(expressions)s))"
    output_field = DateTimeField()


_REFUSED = F("calls") - F("allowed")
# Counted columns, and what is computed from them.
_COUNTED: dict[str, str | Combinable] = {
    "calls": "calls",
    "allowed": "allowed",
    "refused": _REFUSED,
    "errors": _REFUSED + F("client_errors") + F("server_errors"),
    "rate_limited": "rate_limited",
    "quota_exceeded": "quota_exceeded",
    "insufficient_credits": "insufficient_credits",
    "denied": "denied",
    "client_errors": "client_errors",
    "server_errors": "server_errors",
    "units": "units",
    "bytes_in": "bytes_in",
    "bytes_out": "bytes_out",
}
_QUANTILES = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}

MEASURES = {
    "calls": "Calls that came with one of the organization's keys, refused ones included.",
    "allowed": "Calls that passed.",
    "refused": "Calls that did not pass, for whatever reason.",
    "errors": "Refused calls, and calls that passed and were answered with a status of 400 or more.",
    "rate_limited": "Calls refused because a rate limit was reached.",
    "quota_exceeded": "Calls refused because a quota was used up.",
    "insufficient_credits": "Calls refused because credits were used up.",
    "denied": "Calls refused for another reason: expired key, address, origin, scope …",
    "client_errors": "Calls that passed and were answered with a status from 400 to 499.",
    "server_errors": "Calls that passed and were answered with a status of 500 or more.",
    "units": "Units that calls cost which passed.",
    "bytes_in": "Bytes of the requests, as far as the proxy reported them.",
    "bytes_out": "Bytes of the responses, as far as the proxy reported them.",
    "latency_p50": "Median time in milliseconds until a call that passed was answered, within 5 %.",
    "latency_p95": "The same for 95 of 100 calls.",
    "latency_p99": "The same for 99 of 100 calls.",
}
DEFAULT = ("calls", "errors", "units")


def aggregates(names: tuple[str, ...]) -> dict[str, Expression]:
    """Return an aggregate for each measure, under a name that no column has."""
    return {f"sum_{name}": _aggregate(name) for name in names}


def values(names: tuple[str, ...], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the measures of one row of results; counts of nothing are 0, latencies of nothing null."""
    return {
        name: row[f"sum_{name}"] if name in _QUANTILES else row[f"sum_{name}"] or 0
        for name in names
    }


def _aggregate(name: str) -> Expression:
    if name in _QUANTILES:
        return Quantile(HistogramSum("latency"), Value(_QUANTILES[name]))
    return Total(_COUNTED[name])
