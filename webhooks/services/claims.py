"""Claiming what is due: leases of sixty seconds, so many per endpoint, in order where an order is asked for."""

import contextlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection, transaction

from config.common import crypto
from webhooks.models.endpoints import HEADERS, SECRET
from webhooks.retry import CIRCUIT_OPENS_AFTER
from webhooks.transport import Parcel

LEASE = timedelta(seconds=60)
# While one delivery shows whether an endpoint is well again, nobody else tries it.
_PROBE = timedelta(seconds=20)
# An endpoint that this process knows nothing about gets this many, to begin with.
FIRST_SHARE = 4

# Parameters: now; the shares by endpoint (ids, shares); the share of others; the total; the lease's end.
# `waiting` walks the partial index from endpoint to endpoint, so that its cost is the number of endpoints with
# something to do, however much that is. The innermost query takes each endpoint's oldest rows that nobody holds; with
# an ordering key, only the oldest of its key that is not settled. An endpoint that is off has nothing that waits, but
# for the news that its organization is closed.
_CLAIM = """
WITH RECURSIVE waiting AS (
    (SELECT webhook_id FROM webhooks_webhookdelivery WHERE status = 'PENDING' ORDER BY webhook_id LIMIT 1)
    UNION ALL
    SELECT (SELECT next.webhook_id FROM webhooks_webhookdelivery AS next
            WHERE next.status = 'PENDING' AND next.webhook_id > waiting.webhook_id
            ORDER BY next.webhook_id LIMIT 1)
    FROM waiting WHERE waiting.webhook_id IS NOT NULL
), open AS (
    SELECT webhook.id,
        LEAST(
            CASE WHEN webhook.failures_in_a_row >= %(circuit)s THEN 1 ELSE %(total)s END,
            COALESCE(share.most, %(first)s),
            GREATEST(%(total)s / (count(*) OVER ()), 1)
        ) AS share
    FROM waiting JOIN webhooks_webhook AS webhook ON webhook.id = waiting.webhook_id
    LEFT JOIN unnest(%(ids)s::bigint[], %(shares)s::int[]) AS share (id, most) ON share.id = webhook.id
    WHERE (webhook.disabled_at IS NULL OR webhook.disabled_reason = 'closed')
        AND (webhook.circuit_open_until IS NULL OR webhook.circuit_open_until <= %(now)s)
        AND COALESCE(share.most, 1) > 0
), due AS (
    SELECT oldest.id FROM open CROSS JOIN LATERAL (
        SELECT delivery.id FROM webhooks_webhookdelivery AS delivery
        WHERE delivery.webhook_id = open.id AND delivery.status = 'PENDING'
            AND delivery.next_attempt_at <= %(now)s
            AND (delivery.leased_until IS NULL OR delivery.leased_until <= %(now)s)
            AND (delivery.ordering_key = '' OR NOT EXISTS (
                SELECT 1 FROM webhooks_webhookdelivery AS earlier
                WHERE earlier.webhook_id = delivery.webhook_id AND earlier.status = 'PENDING'
                    AND earlier.ordering_key <> '' AND earlier.ordering_key = delivery.ordering_key
                    AND earlier.id < delivery.id))
        ORDER BY delivery.next_attempt_at, delivery.id LIMIT open.share FOR UPDATE SKIP LOCKED
    ) AS oldest LIMIT %(total)s
), claimed AS (
    UPDATE webhooks_webhookdelivery AS delivery
    SET leased_until = %(lease)s, claims = delivery.claims + 1
    FROM due WHERE delivery.id = due.id
    RETURNING delivery.id, delivery.claims, delivery.webhook_id, delivery.message_id, delivery.attempts,
        delivery.tries, delivery.trigger
)
SELECT claimed.id, claimed.claims, claimed.webhook_id, claimed.attempts, claimed.tries, claimed.trigger,
    message.message_id, message.payload, webhook.url, webhook.kind, webhook.concurrency,
    webhook.failures_in_a_row, webhook.headers_encrypted
FROM claimed JOIN webhooks_webhookmessage AS message ON message.id = claimed.message_id
JOIN webhooks_webhook AS webhook ON webhook.id = claimed.webhook_id
ORDER BY claimed.id
"""
# Rows are locked here in the order deliveries, endpoints; elsewhere it is the other way round: hence nobody is waited for.
# Who does not get an endpoint's row, or finds it taken, leaves the trial to somebody else.
_TAKE_TRIALS = """
    UPDATE webhooks_webhook SET circuit_open_until = %s WHERE id IN (
        SELECT id FROM webhooks_webhook WHERE id = ANY(%s) AND failures_in_a_row >= %s
            AND (circuit_open_until IS NULL OR circuit_open_until <= %s)
        FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id
"""
_GIVE_BACK = "UPDATE webhooks_webhookdelivery SET leased_until = NULL WHERE id = ANY(%s)"
_SECRETS = """
    SELECT webhook_id, secret_encrypted FROM webhooks_webhooksecret
    WHERE webhook_id = ANY(%s) AND (expires_at IS NULL OR expires_at > %s) ORDER BY id DESC
"""


@transaction.atomic
def claim(*, at: datetime, room: int, shares: Mapping[int, int] | None = None) -> list[Parcel]:
    """Lease what is due to the caller and return it, ready to be sent; the oldest come first.

    `shares` says how many more each known endpoint may get. Whoever dies with a lease is followed by somebody else
    once it has run out.
    """
    lease = at + LEASE
    known = shares or {}
    values: dict[str, Any] = {
        "now": at,
        "lease": lease,
        "total": room,
        "first": FIRST_SHARE,
        "circuit": CIRCUIT_OPENS_AFTER,
        "ids": list(known),
        "shares": list(known.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        rows = [(Parcel(*row, leased_until=lease), sealed) for *row, sealed in cursor.fetchall()]
        if not rows:
            return []
        left = _trials_of_others(cursor, [parcel for parcel, _ in rows], at)
        rows = [(parcel, sealed) for parcel, sealed in rows if parcel.webhook_id not in left]
        cursor.execute(_SECRETS, [list({parcel.webhook_id for parcel, _ in rows}), at])
        secrets = _decrypted(cursor.fetchall())
    for parcel, sealed in rows:
        _unseal(parcel, sealed, secrets.get(parcel.webhook_id, []))
    return [parcel for parcel, _ in rows]


def _trials_of_others(cursor: Any, parcels: list[Parcel], at: datetime) -> set[int]:
    """Give back, and return, endpoints that failed again and again and that another process tries; others wait for us."""
    suspects = {one.webhook_id for one in parcels if one.failures_in_a_row >= CIRCUIT_OPENS_AFTER}
    if not suspects:
        return set()
    cursor.execute(_TAKE_TRIALS, [at + _PROBE, list(suspects), CIRCUIT_OPENS_AFTER, at])
    left = suspects - {row[0] for row in cursor.fetchall()}
    if left:
        cursor.execute(_GIVE_BACK, [[one.delivery_id for one in parcels if one.webhook_id in left]])
    return left


def _decrypted(rows: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for webhook_id, sealed in rows:
        with contextlib.suppress(crypto.CannotDecrypt):
            found.setdefault(webhook_id, []).append(crypto.decrypt(sealed, purpose=SECRET))
    return found


def _unseal(parcel: Parcel, headers: str, secrets: list[str]) -> None:
    """Add what is kept encrypted, and what signs."""
    try:
        if headers:
            parcel.headers = orjson.loads(crypto.decrypt(headers, purpose=HEADERS))
    except crypto.CannotDecrypt:
        # What cannot be read must not hold up the others: without a signer, the attempt fails and says so.
        return
    parcel.secrets = secrets
