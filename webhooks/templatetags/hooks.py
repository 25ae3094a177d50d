"""Template vocabulary of the webhook pages: states as pills, sparklines. Nothing here queries."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from webhooks import matching
from webhooks.models import Outcome, Status, Webhook
from webhooks.selectors.figures import Bucket

register = template.Library()

_NAME_LENGTH = 80

_TONES = {
    Status.PENDING: "info",
    Status.SUCCEEDED: "ok",
    Status.FAILED: "bad",
    Status.CANCELED: "off",
}
_SHORT = {
    Outcome.SUCCEEDED: "Accepted",
    Outcome.REFUSED: "Refused",
    Outcome.REDIRECTED: "Redirected",
    Outcome.GONE: "Gone",
    Outcome.TIMED_OUT: "Timed out",
    Outcome.UNREACHABLE: "Unreachable",
    Outcome.UNTRUSTED: "Bad certificate",
    Outcome.BLOCKED: "Address blocked",
    Outcome.MALFORMED: "No valid answer",
}
_VERDICTS = {"passed": ("ok", "Passed"), "failed": ("bad", "Failed"), "skipped": ("off", "Skipped")}
_GRADES = {"A": "ok", "B": "ok", "C": "warn", "D": "warn", "F": "bad"}
_HEIGHT, _STEP = 28, 6


@register.filter
def delivery_pill(status: str) -> SafeString:
    """Show where a delivery stands."""
    known = Status(status)
    return _pill(_TONES[known], known.label)


@register.filter
def outcome_pill(outcome: str) -> SafeString:
    """Show what became of an attempt; nothing before the first."""
    if not outcome:
        return SafeString("")
    known = Outcome(outcome)
    return _pill("ok" if known == Outcome.SUCCEEDED else "bad", _SHORT[known])


@register.filter
def outcome_sentence(outcome: str) -> str:
    """Say in a sentence what became of an attempt."""
    return f"{Outcome(outcome).label}." if outcome else ""


@register.filter
def verdict_pill(verdict: str) -> SafeString:
    """Show what a probe found."""
    return _pill(*_VERDICTS[verdict])


@register.filter
def webhook_name(webhook: Webhook) -> str:
    """Call an endpoint by what it is for, in the length of a name, else by its host."""
    return Truncator(webhook.description or urlsplit(webhook.url).netloc).chars(_NAME_LENGTH)


@register.filter
def filter_line(condition: Mapping[str, Any]) -> str:
    """Write a payload filter as the form takes it."""
    return matching.written(condition)


@register.filter
def grade_tone(grade: str) -> str:
    """Return the tone of a grade."""
    return _GRADES.get(grade, "off")


@register.filter
def percent(share: float | None) -> str:
    """Write a share of one in percent; whole ones without a decimal, and 99.96 never as 100."""
    if share is None:
        return "\N{EN DASH}"
    tenths = int(share * 1000)
    return f"{tenths // 10} %" if tenths % 10 == 0 else f"{tenths / 10:.1f} %"


@register.simple_tag
def sparkline(buckets: Sequence[Bucket], label: str = "") -> SafeString:
    """Draw a bar per hour, what failed on top of what succeeded; said in words for who does not see it."""
    total, failed = sum(b.attempts for b in buckets), sum(b.failed for b in buckets)
    said = label or f"{total:,} attempts in {len(buckets)} hours, {failed:,} failed"
    highest = max((b.attempts for b in buckets), default=0) or 1
    bars = format_html_join(
        "", "{}", ((_bar(number, bucket, highest),) for number, bucket in enumerate(buckets))
    )
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        len(buckets) * _STEP - 1,
        _HEIGHT,
        said,
        bars,
    )


def _bar(number: int, bucket: Bucket, highest: int) -> SafeString:
    x, base = number * _STEP, _HEIGHT - 1
    if not bucket.attempts:
        return format_html('<rect class="none" x="{}" y="{}" width="5" height="1"/>', x, base)
    whole = max(round(bucket.attempts * _HEIGHT / highest), 2)
    bad = min(max(round(bucket.failed * _HEIGHT / highest), 2 if bucket.failed else 0), whole)
    parts = (("bad", _HEIGHT - whole, bad), ("good", _HEIGHT - whole + bad, whole - bad))
    return format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="5" height="{}"/>',
        ((name, x, y, height) for name, y, height in parts if height),
    )


def _pill(tone: str, label: str) -> SafeString:
    return format_html('<span class="pill pill-{}">{}</span>', tone, label)
