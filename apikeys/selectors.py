"""Questions about keys: lists and their filters, what a key used, whether its first call has come."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet, Sum

from apikeys.models import Api, ApiKey, KeyActivity, KeyUsage
from apikeys.restrictions import QuotaPeriod, period_of
from billing import selectors as billing

EXPIRING_WITHIN = timedelta(days=30)
STATUSES = ("active", "expiring", "disabled", "expired", "revoked")


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What one key used: calls that passed today and this month (UTC), and units of its own quota's period."""

    calls_today: int
    calls_month: int
    quota_limit: int | None
    quota_used: int


def keys() -> QuerySet[ApiKey]:
    """Return all keys with `last_used_at`; whoever hands them out keeps one organization's rows."""
    return ApiKey.objects.annotate(last_used_at=F("activity__last_used_at"))


def with_status(rows: QuerySet[ApiKey], status: str, *, at: datetime) -> QuerySet[ApiKey]:
    """Keep the keys in one of STATUSES; `expiring` keys are active ones that end within 30 days."""
    if status == "revoked":
        return rows.filter(revoked_at__isnull=False)
    rows = rows.filter(revoked_at__isnull=True)
    if status == "expired":
        return rows.filter(expires_at__lte=at)
    rows = rows.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=at))
    if status == "disabled":
        return rows.filter(disabled_at__isnull=False)
    rows = rows.filter(disabled_at__isnull=True)
    return rows.filter(expires_at__lte=at + EXPIRING_WITHIN) if status == "expiring" else rows


def matching(rows: QuerySet[ApiKey], text: str) -> QuerySet[ApiKey]:
    """Keep the keys whose name or prefix contains the text, or whose last characters it is."""
    return rows.filter(Q(name__icontains=text) | Q(prefix__contains=text) | Q(last4=text))


def use_of(key: ApiKey, *, at: datetime) -> KeyUse:
    """Return what a key used, as far as ingestion has come."""
    today, _ = period_of(QuotaPeriod.DAY, at)
    month, _ = period_of(QuotaPeriod.MONTH, at)
    quota = _quota_start(key, at)
    totals = KeyUsage.objects.filter(api_key=key, hour__gte=min(month, quota or month)).aggregate(
        today=Sum("calls", filter=Q(hour__gte=today), default=0),
        month=Sum("calls", filter=Q(hour__gte=month), default=0),
        quota=Sum("units", filter=Q(hour__gte=quota or at), default=0),
    )
    return KeyUse(
        calls_today=totals["today"],
        calls_month=totals["month"],
        quota_limit=key.quota_limit,
        quota_used=totals["quota"] if quota else 0,
    )


def _quota_start(key: ApiKey, at: datetime) -> datetime | None:
    if key.quota_limit is None:
        return None
    period = QuotaPeriod(key.quota_period)
    anchor = None
    if period is QuotaPeriod.BILLING:
        anchor = billing.subscription_of(key.organization).anchor_at
    start, _ = period_of(period, at, anchor)
    # Units are kept per hour; a billing period that begins within one takes the whole hour.
    return start.replace(minute=0, second=0, microsecond=0)


def first_call_of(key: ApiKey) -> KeyActivity | None:
    """Return when a key was first and last used; None before its first call has been seen."""
    return KeyActivity.objects.filter(api_key=key).first()


def first_api() -> Api | None:
    """Return the API that an example call goes to: the oldest one that is switched on."""
    return Api.objects.filter(disabled_at__isnull=True).order_by("id").first()


def key_named(text: str) -> list[ApiKey]:
    """Return the keys that an operator means by an id or by a prefix; several prefixes may be equal."""
    by_id = (
        Q(pk=int(text)) if text.isascii() and text.isdigit() and len(text) <= 18 else Q(prefix=text)
    )
    return list(ApiKey.objects.select_related("organization").filter(by_id).order_by("id"))


def filtered(
    rows: QuerySet[ApiKey],
    *,
    at: datetime,
    environment: str = "",
    status: str = "",
    external_id: str = "",
    q: str = "",
) -> QuerySet[ApiKey]:
    """Apply the filters that are given."""
    if environment:
        rows = rows.filter(environment=environment)
    if external_id:
        rows = rows.filter(external_id=external_id)
    if status:
        rows = with_status(rows, status, at=at)
    return matching(rows, q) if q else rows
