"""What cannot be read or counted is set aside with its reason, and holds up nothing else."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.metering import stream
from analytics.models import (
    ApiUsageLog,
    DailyUsage,
    RejectedEvent,
)
from analytics.services import ingest
from config.common import redis
from tests.analytics.pen import event, restore, waiting, write

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"not json", "The event is not JSON."),
        (b'{"a":1}', "The event is not an array of 14 members."),
        (b"[1,2]", "The event is not an array of 14 members."),
        (b"\xff\xfe", "The event is not JSON."),
    ],
)
def test_what_cannot_be_read_is_set_aside(emit, payload, reason):
    emit({})
    write(payload)
    emit({})

    assert ingest.drain() == ingest.Outcome(read=3, counted=2, rejected=1)

    assert RejectedEvent.objects.get().reason == reason
    assert waiting() == 0
    assert ingest.drain() == ingest.Outcome()


@pytest.mark.parametrize(
    "changes",
    [
        {"request_id": "short"},
        {"request_id": "has a blank in it"},
        {"request_id": 12345678},
        {"organization_id": 0},
        {"organization_id": True},
        {"key_id": "7"},
        {"key_id": 2**63},
        {"api_id": -1},
        {"rule_id": None},
        {"units": -1},
        {"units": 1.5},
        {"units": 10**12 + 1},
        {"method": None},
        {"path": 1},
        {"outcome": "valid"},
        {"user_agent": None},
        {"environment": "prod"},
        {"at_ms": -5},
        {"at_ms": "now"},
        {"at_ms": 4_102_444_800_000},
        {"at_ms": 1},
    ],
)
def test_what_cannot_be_counted_is_set_aside(emit, changes):
    emit(changes)

    assert ingest.drain() == ingest.Outcome(read=1, counted=0, rejected=1)

    assert not ApiUsageLog.objects.exists()
    assert not DailyUsage.objects.exists()
    assert RejectedEvent.objects.count() == 1


def test_an_entry_without_an_event_is_set_aside():
    redis.client().xadd(redis.key("usage"), {"x": b"\x00\xff", "y": "z"})

    assert ingest.drain().rejected == 1
    assert RejectedEvent.objects.get().reason == "The entry has no field e."


def test_a_rejected_event_is_kept_once(emit):
    write(b"not json")
    entries = stream.oldest(1)
    ingest.drain()
    restore(entries)

    assert ingest.drain().rejected == 1

    assert RejectedEvent.objects.count() == 1


def test_rejected_events_are_counted_once_the_reason_is_gone(key):
    late = int((datetime.now(UTC) + timedelta(hours=47)).timestamp() * 1000)
    write(event(key, at_ms=late), b"not json")
    ingest.drain()
    assert ingest.retry_rejected() == 0
    rejected = RejectedEvent.objects.get(reason="The time is outside of what the log keeps.")
    mended = orjson.loads(rejected.payload)
    mended[-1] = late - 48 * 3_600_000
    rejected.payload = orjson.dumps(mended).decode()
    rejected.save()

    assert ingest.retry_rejected() == 1

    assert ApiUsageLog.objects.count() == 1
    assert DailyUsage.objects.get().calls == 1
    assert RejectedEvent.objects.get().payload == "not json"


def test_what_can_be_mended_is_mended(emit):
    emit(
        {
            "address": "not an address",
            "method": "brew it",
            "path": "/" + "p" * 600,
            "user_agent": "a\x00b" + "u" * 300,
            "tags": {"k": "v\x00"},
        }
    )

    assert ingest.drain().counted == 1

    call = ApiUsageLog.objects.get()
    assert (call.address, call.method, len(call.path)) == (None, "OTHER", 512)
    assert call.user_agent.startswith("a\N{REPLACEMENT CHARACTER}b")
    assert len(call.user_agent) == 200
    assert call.tags == {"k": "v\N{REPLACEMENT CHARACTER}"}


def test_further_members_of_an_event_are_ignored(key):
    write([*event(key), "something newer"])

    assert ingest.drain().counted == 1


def test_an_event_that_the_database_refuses_holds_up_no_other(emit):
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE analytics_apiusagelog ADD CONSTRAINT poison CHECK (path <> '/poison')"
        )
    emit(*({"path": "/poison" if n in {3, 17} else "/fine"} for n in range(30)))

    outcome = ingest.drain()

    assert (outcome.counted, outcome.rejected) == (28, 2)
    assert waiting() == 0
    assert DailyUsage.objects.get().calls == 28
    reasons = set(RejectedEvent.objects.values_list("reason", flat=True))
    assert {reason.partition(":")[0] for reason in reasons} == {"The database refuses it"}


def test_what_the_database_still_refuses_holds_up_no_other_second_try(emit):
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE analytics_apiusagelog ADD CONSTRAINT poison CHECK (path NOT LIKE '/p%')"
        )
    emit(*({"path": f"/{'p' if n in {3, 7} else 'q'}{n}"} for n in range(10)), {"path": "/poison"})
    ingest.drain()
    (first, *others) = RejectedEvent.objects.order_by("id")
    first.payload = first.payload.replace("/p3", "/q3")
    first.save()

    assert ingest.retry_rejected() == 1

    assert DailyUsage.objects.get().calls == 9
    assert list(RejectedEvent.objects.order_by("id")) == others
    assert ApiUsageLog.objects.filter(path="/q3").exists()


def test_rejected_events_are_tried_again_a_few_at_a_time(key):
    late = int((datetime.now(UTC) + timedelta(hours=47)).timestamp() * 1000)
    write(*(event(key, at_ms=late) for _ in range(5)))
    ingest.drain()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE analytics_rejectedevent SET payload = replace(payload, %s, '0')", [str(late)]
        )

    with CaptureQueriesContext(connection) as asked:
        counted = ingest.retry_rejected(batch_size=2)

    looks = [one for one in asked if one["sql"].startswith("SELECT id, stream_id, payload")]
    assert (counted, len(looks)) == (5, 4)
    assert DailyUsage.objects.get().calls == 5
    assert not RejectedEvent.objects.exists()
