"""What a conformance run sends, and what a good receiver does with each. Knows no database and opens no connection."""

import secrets as randomness
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson

from config.common.http import Answer
from webhooks import catalogue, signing
from webhooks.models import Signature

# The event whose example is sent: it tells of a webhook, and asks nobody to do anything.
EVENT_TYPE = "webhook.created"
UNKNOWN_TYPE = "conformance.type_introduced"
LARGE_BYTES = 200 * 1024
SLOW_SECONDS = 2.0
_SKEW = timedelta(hours=1)


class Verdict(StrEnum):
    """What a probe found."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


def new_id() -> str:
    """Return an id of a message that is in nobody's log."""
    return f"msg_conformance_{randomness.token_urlsafe(12)}"


@dataclass(frozen=True, slots=True)
class Subject:
    """The endpoint as the probes see it."""

    url: str
    signature: str
    secrets: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)
    message_id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Request:
    """One POST of a probe."""

    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Probe:
    """One request, whether a good receiver accepts it, how much that matters, and what to do if it does not."""

    code: str
    title: str
    is_welcome: bool
    weight: int
    fix: str
    build: Callable[[Subject, datetime], Request]
    # The best grade that is left when this fails.
    best_without: str = "A"


def _example(**more: Any) -> dict[str, Any]:
    described = catalogue.described(EVENT_TYPE)
    assert described is not None
    return {"type": EVENT_TYPE, "data": {**described.example["data"], **more}}


def _request(
    subject: Subject,
    at: datetime,
    *,
    payload: Mapping[str, Any] | None = None,
    message_id: str = "",
    keys: Sequence[str] | None = None,
    before: str = "",
) -> Request:
    """Return a signed request; `keys` sign instead of the endpoint's own, `before` stands in front of the signatures."""
    told = payload or _example()
    body = orjson.dumps({"type": told["type"], "timestamp": at.isoformat(), "data": told["data"]})
    message_id = message_id or new_id()
    seconds = int(at.timestamp())
    chosen = subject.secrets if keys is None else keys
    signed = signing.signature(chosen, message_id=message_id, timestamp=seconds, body=body)
    ours = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"{before} {signed}".strip(),
    }
    return Request({**subject.headers, **ours}, body)


def _foreign_key(subject: Subject) -> str:
    if subject.signature == Signature.ED25519:
        return signing.new_private_key()[0]
    return signing.new_shared_secret()


def _valid(subject: Subject, at: datetime) -> Request:
    return _request(subject, at, message_id=subject.message_id)


def _tampered(subject: Subject, at: datetime) -> Request:
    honest = _request(subject, at, payload=_example(host="honest.example.com"))
    return Request(honest.headers, honest.body.replace(b"honest.", b"forged."))


def _forged(subject: Subject, at: datetime) -> Request:
    return _request(subject, at, keys=[_foreign_key(subject)])


def _unsigned(subject: Subject, at: datetime) -> Request:
    request = _request(subject, at)
    return Request(
        {name: value for name, value in request.headers.items() if name != "webhook-signature"},
        request.body,
    )


def _old(subject: Subject, at: datetime) -> Request:
    return _request(subject, at - _SKEW)


def _early(subject: Subject, at: datetime) -> Request:
    return _request(subject, at + _SKEW)


def _rotated(subject: Subject, at: datetime) -> Request:
    return _request(subject, at, keys=[_foreign_key(subject), *subject.secrets])


def _other_version(subject: Subject, at: datetime) -> Request:
    return _request(subject, at, before="v9,c2lnbmF0dXJlIG9mIHRvbW9ycm93")


def _unknown_type(subject: Subject, at: datetime) -> Request:
    return _request(subject, at, payload={"type": UNKNOWN_TYPE, "data": {"organization_id": 7}})


def _unknown_member(subject: Subject, at: datetime) -> Request:
    return _request(subject, at, payload=_example(introduced_later={"nested": [1, 2.5, None]}))


def _beyond_ascii(subject: Subject, at: datetime) -> Request:
    return _request(subject, at, payload=_example(host='Grüße 東京 🚀 "quoted" \\ </script>'))


def _large(subject: Subject, at: datetime) -> Request:
    return _request(subject, at, payload=_example(padding="x" * LARGE_BYTES))


_VERIFY = (
    "Compute the signature over webhook-id, webhook-timestamp and the raw body, compare it in constant time, and answer "
    "401 when none of the signatures matches."
)
_ACCEPT_EARLY = "Answer 2xx as soon as the event is stored; work on it afterwards."
# What a good receiver does with a probe.
_ACCEPT, _REFUSE = True, False
PROBES = (
    Probe("valid", "A correctly signed event", _ACCEPT, 20, "Answer 2xx to an event whose signature is right. Check that the endpoint's present secret is the one your server uses.", _valid, "F"),
    Probe("duplicate", "The same event once more", _ACCEPT, 10, "Events can come more than once. Remember each webhook-id, do nothing for one that you know, and answer 2xx all the same.", _valid),
    Probe("tampered", "A body that was changed on its way", _REFUSE, 15, _VERIFY, _tampered, "D"),
    Probe("forged", "A signature by somebody else's key", _REFUSE, 10, _VERIFY, _forged, "D"),
    Probe("unsigned", "No signature at all", _REFUSE, 10, "Refuse requests without a webhook-signature header with 401.", _unsigned, "D"),
    Probe("old", "A right signature of an hour ago", _REFUSE, 10, "Refuse a webhook-timestamp that is more than five minutes old: somebody may have recorded the request and be sending it again.", _old, "C"),
    Probe("early", "A right signature of an hour ahead", _REFUSE, 3, "Refuse a webhook-timestamp that lies more than five minutes ahead.", _early),
    Probe("rotated", "Two signatures, the second one right", _ACCEPT, 6, "The header can hold several signatures, separated by spaces. Accept the event if any of them is right; so secrets are rotated without a gap.", _rotated, "B"),
    Probe("other_version", "A signature of an unknown version beside the right one", _ACCEPT, 3, "Pass over signatures whose version you do not know instead of failing.", _other_version),
    Probe("unknown_type", "An event type that is new", _ACCEPT, 5, "Answer 2xx to types you do not know, and do nothing: new ones are introduced without notice.", _unknown_type),
    Probe("unknown_member", "A member of the payload that is new", _ACCEPT, 3, "Pass over members you do not know: they are added without notice.", _unknown_member),
    Probe("beyond_ascii", "Letters beyond ASCII", _ACCEPT, 5, "Verify the raw bytes of the body, before any framework decodes or parses it.", _beyond_ascii),
    Probe("large", "A body of 200 kB", _ACCEPT, 5, "Accept bodies of up to 256 kB; proxies in front of your server may have a limit of their own.", _large),
)  # fmt: skip
# What is seen beside the probes, without a request of its own.
OBSERVATIONS = 2
TOTAL = len(PROBES) + OBSERVATIONS


def judged(probe: Probe, answer: Answer) -> dict[str, Any]:
    """Return a probe's entry in the results."""
    status = answer.status
    is_accepted = status is not None and 200 <= status < 300
    is_refused = status is not None and 400 <= status < 500
    passed = is_accepted if probe.is_welcome else is_refused
    return entry(
        probe.code,
        probe.title,
        Verdict.PASSED if passed else Verdict.FAILED,
        detail=_said(probe, answer, is_accepted=is_accepted),
        fix="" if passed else probe.fix,
        weight=probe.weight,
        status_code=status,
        duration_ms=round(answer.seconds * 1000),
        is_welcome=probe.is_welcome,
    )


def skipped(probe: Probe, why: str) -> dict[str, Any]:
    """Return the entry of a probe that was not sent."""
    return entry(
        probe.code,
        probe.title,
        Verdict.SKIPPED,
        detail=why,
        weight=probe.weight,
        is_welcome=probe.is_welcome,
    )


def entry(code: str, title: str, verdict: Verdict, *, detail: str, **more: Any) -> dict[str, Any]:
    """Return one entry of the results with every member."""
    known = {"fix": "", "weight": 0, "status_code": None, "duration_ms": None, "is_welcome": True}
    return {
        "code": code,
        "title": title,
        "verdict": verdict.value,
        "detail": detail,
        **known,
        **more,
    }


def _said(probe: Probe, answer: Answer, *, is_accepted: bool) -> str:
    if answer.status is None:
        return answer.detail or "There was no answer."
    said = f"Your server answered {answer.status}"
    if probe.is_welcome:
        return f"{said}." if is_accepted else f"{said} instead of 2xx."
    if is_accepted:
        return f"{said}: it took a request that it must refuse."
    if answer.status >= 500:
        return f"{said}: that is a failure, which we would retry, and no refusal."
    if answer.status < 400:
        return f"{said} instead of 401."
    return f"{said}: refused, as it should be."


def observed_speed(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the entry on how fast events were accepted."""
    title = "Answers within two seconds"
    times = [
        row["duration_ms"]
        for row in results
        if row["is_welcome"] and row["verdict"] == Verdict.PASSED
    ]
    if not times:
        return entry("speed", title, Verdict.SKIPPED, detail="No event was accepted.", weight=5)
    slowest = max(times)
    is_fast = slowest <= SLOW_SECONDS * 1000
    return entry(
        "speed",
        title,
        Verdict.PASSED if is_fast else Verdict.FAILED,
        detail=f"The slowest answer took {slowest:,} ms.",
        fix="" if is_fast else f"{_ACCEPT_EARLY} After 15 seconds we give up and try again.",
        weight=5,
        duration_ms=slowest,
    )


def observed_encryption(url: str) -> dict[str, Any]:
    """Return the entry on TLS."""
    is_encrypted = url.lower().startswith("https:")
    return entry(
        "encryption",
        "Encrypted on its way",
        Verdict.PASSED if is_encrypted else Verdict.FAILED,
        detail="The URL begins with https://." if is_encrypted else "The URL begins with http://.",
        fix="" if is_encrypted else "Serve the endpoint by https: payloads are readable otherwise.",
        weight=5,
    )


_BEST_WITHOUT = {probe.code: probe.best_without for probe in PROBES}
_GRADES = ((95, "A"), (85, "B"), (70, "C"), (50, "D"))


def graded(results: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    """Return the score, 0 to 100, and the grade, A to F.

    What was skipped does not count; what matters most caps the grade when it fails, whatever the score.
    """
    counted = [row for row in results if row["verdict"] != Verdict.SKIPPED]
    whole = sum(row["weight"] for row in counted)
    won = sum(row["weight"] for row in counted if row["verdict"] == Verdict.PASSED)
    score = won * 100 // whole if whole else 0
    by_score = next((grade for least, grade in _GRADES if score >= least), "F")
    caps = [
        _BEST_WITHOUT.get(row["code"], "A") for row in counted if row["verdict"] == Verdict.FAILED
    ]
    return score, max([by_score, *caps])
