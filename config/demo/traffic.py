"""A month of believable calls, sent through the same stream that real ones take, and what a proxy reports of them."""

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import orjson

from analytics.metering.tallies import Report
from apikeys.models import Api, ApiKey
from config.common import redis

DAYS = 30
_BATCH = 1_000
_CALLS_PER_HOUR = 22
_PATHS = ("/demo/forecast", "/demo/forecast", "/demo/forecast", "/demo/hello", "/demo/stations/7")
_AGENTS = ("acme-sdk/2.4 python/3.12", "okhttp/4.12", "curl/8.5.0")


def send(api: Api, keys: list[ApiKey], *, until: datetime) -> list[Report]:
    """Write the calls of the last thirty days to the stream; return what the proxy has to say about each."""
    dice = random.Random(20)  # noqa: S311  (the demo looks the same on every machine)
    client, stream = redis.client(), redis.key("usage")
    reports: list[Report] = []
    pipeline = client.pipeline(transaction=False)
    for event, report in _calls(api, keys, until, dice):
        pipeline.xadd(stream, {"e": orjson.dumps(event)})
        reports.append(report)
        if len(reports) % _BATCH == 0:
            pipeline.execute()
    pipeline.execute()
    return reports


def _calls(
    api: Api, keys: list[ApiKey], until: datetime, dice: random.Random
) -> Iterator[tuple[list[object], Report]]:
    start = until - timedelta(days=DAYS)
    for hour in range(DAYS * 24):
        at = start + timedelta(hours=hour)
        for _ in range(_calls_in(at, hour, dice)):
            # Most calls come from the first key; each further one has a third of the one before.
            key = keys[min(int(dice.expovariate(1.1)), len(keys) - 1)]
            moment = at + timedelta(seconds=dice.random() * 3600)
            outcome = "VALID" if dice.random() > 0.02 else "RATE_LIMITED"
            event = _event(api, key, moment, outcome, dice)
            yield event, _report(str(event[0]), moment, outcome, dice)


def _calls_in(at: datetime, hour: int, dice: random.Random) -> int:
    day_and_night = 1 + 0.7 * math.sin((at.hour - 8) / 24 * 2 * math.pi)
    weekend = 0.45 if at.weekday() >= 5 else 1.0
    growth = 0.7 + 0.6 * hour / (DAYS * 24)
    return max(0, round(dice.gauss(_CALLS_PER_HOUR, 4) * day_and_night * weekend * growth))


def _event(api: Api, key: ApiKey, at: datetime, outcome: str, dice: random.Random) -> list[object]:
    return [
        f"{dice.getrandbits(128):032x}",
        key.organization_id,
        key.pk,
        api.pk,
        0,
        "GET",
        dice.choice(_PATHS),
        outcome,
        1 if outcome == "VALID" else 0,
        f"203.0.113.{dice.randrange(1, 40)}",
        dice.choice(_AGENTS),
        None,
        key.environment,
        int(at.timestamp() * 1000),
    ]


def _report(request_id: str, at: datetime, outcome: str, dice: random.Random) -> Report:
    """Return how the call went: most answer in some 40 ms, a few in ten times as long, one in a hundred fails."""
    at_ms = int(at.timestamp() * 1000)
    if outcome != "VALID":
        return Report(request_id, at_ms, 429, 1, 320, 410)
    status = dice.choices((200, 404, 503), (985, 10, 5))[0]
    latency_ms = max(3, round(dice.lognormvariate(math.log(40), 0.6)))
    return Report(request_id, at_ms, status, latency_ms, 320, dice.randrange(400, 2_400))
