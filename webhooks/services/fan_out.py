"""Fanning out: a message becomes one delivery for each endpoint that wants it, and a note for each that does not."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from django.db import connection, transaction

from organizations.signals import OrganizationClosed
from webhooks import matching
from webhooks.models import DisabledReason

BATCH = 1_000
_CLOSED = OrganizationClosed.name
# Whoever polls the feed goes on from a place that they were told: no crash may give it to another message.
_ON_DISK = "SET LOCAL synchronous_commit = on"
# One after the other, in the order of the messages: deliveries of one ordering key get their ids in order.
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('tollgate.webhooks.fan_out'))"
_MESSAGES = """
    SELECT id, organization_id, event_type, payload FROM webhooks_webhookmessage
    WHERE fanned_out_at IS NULL ORDER BY id LIMIT %s
"""
# FOR SHARE: an endpoint that is being disabled is waited for, or waits, so that nothing is left behind for it.
_ENDPOINTS = """
    SELECT id, organization_id, event_types, filters, ordering_path, disabled_reason
    FROM webhooks_webhook WHERE organization_id = ANY(%s) ORDER BY id FOR SHARE
"""
_DELIVERIES = """
    INSERT INTO webhooks_webhookdelivery (organization_id, webhook_id, message_id, ordering_key, status, trigger,
        attempts, tries, claims, next_attempt_at, last_outcome, created_at)
    SELECT organization_id, webhook_id, message_id, ordering_key, 'PENDING', 'event', 0, 0, 0, %s, '', %s
    FROM json_to_recordset(%s::json)
        AS new (organization_id bigint, webhook_id bigint, message_id bigint, ordering_key text)
    ORDER BY message_id, webhook_id
    ON CONFLICT DO NOTHING
"""
# Places in the feed for so many messages; the first is returned. Whoever holds the lock takes them and commits before
# the next one does, so that nothing ever appears behind a place that was read already.
_PLACES = """
    SELECT setval('webhooks_webhookmessage_position', nextval('webhooks_webhookmessage_position') + %s - 1) - %s + 1
"""
_DONE = """
    UPDATE webhooks_webhookmessage AS message
    SET fanned_out_at = %s, position = new.position, passed_over = new.passed_over
    FROM json_to_recordset(%s::json) AS new (id bigint, position bigint, passed_over jsonb)
    WHERE message.id = new.id
"""


@dataclass(frozen=True, slots=True)
class _Endpoint:
    id: int
    event_types: list[str]
    filters: list[dict[str, Any]]
    ordering_path: str
    disabled_reason: str

    @property
    def looks_inside(self) -> bool:
        """Whether it takes more than the event's type to decide."""
        return bool(self.filters or self.ordering_path)

    def refusal(self, event_type: str, payload: dict[str, Any]) -> str:
        """Return why the endpoint is passed over; empty when it is not."""
        # The closing of an organization switches its endpoints off, and is the last that they are told of.
        is_last = self.disabled_reason == DisabledReason.CLOSED and event_type == _CLOSED
        if self.disabled_reason and not is_last:
            return "disabled"
        if not matching.wants_type(self.event_types, event_type):
            return "event_type"
        failed = matching.failed_filter(self.filters, payload)
        return "" if failed is None else f"filter:{failed}"


@dataclass(slots=True)
class _Plan:
    """What is written for one batch: rows of deliveries, and what is noted with each message.

    They go to the database as JSON, which costs a tenth of what arrays do.
    """

    deliveries: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)


@transaction.atomic
def fan_out(*, at: datetime) -> int:
    """Hand out the oldest messages and return how many; none while another process does."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
        if cursor.fetchone() == (False,):
            return 0
        cursor.execute(_MESSAGES, [BATCH])
        messages = cursor.fetchall()
        if not messages:
            return 0
        cursor.execute(_ON_DISK)
        cursor.execute(_ENDPOINTS, [list({row[1] for row in messages})])
        plan = _planned(messages, _by_organization(cursor.fetchall()))
        cursor.execute(_PLACES, [len(messages), len(messages)])
        (first,) = cursor.fetchone()
        for position, message in enumerate(plan.messages, first):
            message["position"] = position
        if plan.deliveries:
            cursor.execute(_DELIVERIES, [at, at, orjson.dumps(plan.deliveries).decode()])
        cursor.execute(_DONE, [at, orjson.dumps(plan.messages).decode()])
    return len(messages)


def _by_organization(rows: Iterable[tuple[Any, ...]]) -> dict[int, list[_Endpoint]]:
    found: dict[int, list[_Endpoint]] = {}
    for webhook_id, organization_id, event_types, filters, path, disabled_reason in rows:
        conditions = orjson.loads(filters)
        endpoint = _Endpoint(webhook_id, event_types, conditions, path, disabled_reason)
        found.setdefault(organization_id, []).append(endpoint)
    return found


def _planned(messages: list[tuple[Any, ...]], endpoints: dict[int, list[_Endpoint]]) -> _Plan:
    plan = _Plan()
    for message_id, organization_id, event_type, text in messages:
        passed_over: dict[str, str] = {}
        known = endpoints.get(organization_id, [])
        payload = orjson.loads(text) if any(one.looks_inside for one in known) else {}
        for endpoint in known:
            refusal = endpoint.refusal(event_type, payload)
            if refusal:
                passed_over[str(endpoint.id)] = refusal
                continue
            key = matching.ordering_key(endpoint.ordering_path, payload)
            plan.deliveries.append(
                {
                    "organization_id": organization_id,
                    "webhook_id": endpoint.id,
                    "message_id": message_id,
                    "ordering_key": key,
                }
            )
        plan.messages.append({"id": message_id, "passed_over": passed_over})
    return plan
