"""Idempotency keys: a request that is sent again under its key is answered again, and carried out once.

The answer is written in the transaction of the effect, so that either both are there or neither. While the request
runs, a lock of that transaction stands for it: it goes with the connection, and the server ends it within 60 s.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper
from psycopg.errors import LockNotAvailable

from config.common import crypto
from config.common.context import Actor
from config.common.errors import DomainError
from config.common.models import IDEMPOTENT_BODY, IdempotentAnswer

HEADER = "Idempotency-Key"
# Under our name, and under the one that clients written for Stripe look for.
REPLAYED = {"Idempotency-Replayed": "true", "Idempotent-Replayed": "true"}
KEPT_FOR = timedelta(hours=24)
_BATCH = 5_000
# Below 60 s, so that a client may rely on the minute.
_LOCK_SECONDS = 55
# For how long a person, who cannot be told to ask again, waits for the first request.
_PATIENCE_SECONDS = 10
# RFC 8941, 3.3.3: a quoted string of printable ASCII, in which only `"` and `\` are escaped.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
# What people send without quotes: UUIDs and the like.
_BARE = re.compile(r"[A-Za-z0-9!#$%&'*+./:=@^_`|~-]+")
_OF_THE_MOMENT = frozenset({401, 429})
# What a client needs besides status and body; other headers belong to each answer of its own.
_KEPT_HEADERS = ("Content-Type", "Cache-Control", "Link", "Location", "ETag", "WWW-Authenticate")


class Idempotency(Enum):
    """Whether an operation honors the header, needs it, or does not know it."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class IdempotencyKeyRequired(DomainError):
    """This operation moves money and is carried out only under an idempotency key."""

    code = "idempotency_key_required"
    title = "An idempotency key is needed"
    fix = "Send `Idempotency-Key` with a value of your own, such as a UUID, and the same one on every retry."


class IdempotencyKeyMalformed(DomainError):
    """`Idempotency-Key` is not a string of 1 to 255 printable characters."""

    code = "idempotency_key_malformed"
    title = "The idempotency key cannot be read"
    fix = (
        'Send it as `"8e03978e-40d5-43dd-bc93-6894a57f9324"`, with or without the quotation marks.'
    )


class IdempotentRequestRunning(DomainError):
    """A request with this idempotency key is being carried out at this moment."""

    code = "idempotent_request_running"
    title = "The first request still runs"
    status = 409
    fix = "Wait as many seconds as `Retry-After` says and send the same request again."
    retry = "Yes, unchanged and under the same key, in a moment."


class IdempotencyKeyReused(DomainError):
    """This idempotency key was used for a request with another body."""

    code = "idempotency_key_reused"
    title = "The idempotency key belongs to another request"
    status = 422
    fix = "Take a new key for a new request; a retry repeats the first request to the letter."


@dataclass(frozen=True, slots=True)
class Claim:
    """One request under its key: where its answer is filed, and what it asked for."""

    scope: bytes
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes


def key_of(header: str | None, idempotency: Idempotency) -> str | None:
    """Read the header. Raises IdempotencyKeyRequired or IdempotencyKeyMalformed."""
    if idempotency is Idempotency.NONE:
        return None
    if header is None:
        if idempotency is Idempotency.REQUIRED:
            raise IdempotencyKeyRequired
        return None
    quoted = _QUOTED.fullmatch(header)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else header
    if not (0 < len(key) <= 255) or not (quoted or _BARE.fullmatch(header)):
        raise IdempotencyKeyMalformed
    return key


def claim_of(*, actor: Actor, method: str, path: str, key: str, parts: Iterable[bytes]) -> Claim:
    """Return the claim of a request; `parts` are all that must be the same when it is sent again."""
    scope = _digest((actor.type, str(actor.id), method, path, key))
    return Claim(scope=scope, fingerprint=_digest(parts))


def _digest(parts: Iterable[str | bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(b"%d:" % len(raw) + raw)
    return digest.digest()


def begin(claim: Claim, *, at: datetime, is_patient: bool = False) -> Answer | None:
    """Return the recorded answer; None when the request is to be carried out, in this very transaction.

    Raises IdempotentRequestRunning when another connection carries it out, after some seconds for the patient, and
    IdempotencyKeyReused when the recorded request asked for something else.
    """
    _lock(claim, is_patient=is_patient)
    recorded = IdempotentAnswer.objects.filter(scope=claim.scope).first()
    if recorded is None:
        return None
    if recorded.created_at <= at - KEPT_FOR:
        recorded.delete()
        return None
    if not crypto.equal(bytes(recorded.fingerprint), claim.fingerprint):
        raise IdempotencyKeyReused
    body = crypto.decrypt(recorded.body_encrypted, purpose=IDEMPOTENT_BODY).encode()
    return Answer(recorded.status, recorded.headers | REPLAYED, body)


def _lock(claim: Claim, *, is_patient: bool) -> None:
    """Take the claim's lock for the rest of the transaction, and bound how long that may be."""
    number = int.from_bytes(claim.scope[:8], "big", signed=True)
    with connection.cursor() as cursor:
        if is_patient:
            _await_lock(cursor, number)
        else:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
            if cursor.fetchone() != (True,):
                raise IdempotentRequestRunning(headers={"Retry-After": "1"})
        for setting in _bounds():
            # A process that hangs, or a machine that is gone without closing its connections, holds no lock for longer.
            cursor.execute("SELECT set_config(%s, %s, true)", [setting, f"{_LOCK_SECONDS}s"])


def _await_lock(cursor: CursorWrapper, number: int) -> None:
    """Take a lock once its holder's transaction has ended, if that takes no more than some seconds."""
    cursor.execute("SELECT current_setting('lock_timeout')")
    (usual,) = cursor.fetchone() or ("0",)
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{_PATIENCE_SECONDS}s"])
    try:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
    except OperationalError as late:
        if isinstance(late.__cause__, LockNotAvailable):
            raise IdempotentRequestRunning(headers={"Retry-After": "1"}) from late
        raise
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", [usual])


def _bounds() -> tuple[str, ...]:
    if connection.pg_version >= 170_000:  # type: ignore[attr-defined]  # PostgreSQL's own attribute
        return ("transaction_timeout",)
    return ("idle_in_transaction_session_timeout", "statement_timeout")


def record(claim: Claim, answer: Answer) -> None:
    """File the answer in the transaction of the effect, unless the very same request may fare better later.

    That is after a failure of ours, after some time, and under credentials that are still good.
    """
    if answer.status >= 500 or answer.status in _OF_THE_MOMENT:
        return
    IdempotentAnswer.objects.create(
        scope=claim.scope,
        fingerprint=claim.fingerprint,
        status=answer.status,
        headers={name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers},
        body_encrypted=crypto.encrypt(answer.body.decode(), purpose=IDEMPOTENT_BODY),
    )


def prune(*, at: datetime) -> int:
    """Delete answers past their 24 hours, in batches, and return how many there were."""
    until, deleted = at - KEPT_FOR, 0
    while True:
        outdated = IdempotentAnswer.objects.filter(created_at__lte=until).order_by("created_at")
        count, _ = IdempotentAnswer.objects.filter(
            pk__in=list(outdated.values_list("pk", flat=True)[:_BATCH])
        ).delete()
        deleted += count
        if count < _BATCH:
            return deleted
