"""The state of the installation as staff asks for it over the API: figures of the business, and what waits where."""

from datetime import datetime, timedelta
from typing import Any

import redis
from django.db.models import Count, Q, Sum

from accounts.models import Broadcast, DataExport, User, UserStatus
from analytics.metering import stream
from apikeys.models import ApiKey, KeyUsage
from audit import selectors as audit
from billing.models import Subscription, SubscriptionStatus
from config.common import mail
from organizations.models import Organization, OrganizationStatus
from webhooks import metering as webhooks

_LATELY = timedelta(days=30)


def dashboard(*, at: datetime) -> dict[str, Any]:
    """Return what a seller looks at first."""
    month = at - _LATELY
    people = User.objects.aggregate(
        active=Count("pk", filter=Q(status=UserStatus.ACTIVE)),
        suspended=Count("pk", filter=Q(status=UserStatus.SUSPENDED)),
        registered_lately=Count("pk", filter=Q(created_at__gte=month)),
        signed_in_lately=Count("pk", filter=Q(last_login__gte=month)),
    )
    organizations = Organization.objects.aggregate(
        active=Count("pk", filter=Q(status=OrganizationStatus.ACTIVE)),
        suspended=Count("pk", filter=Q(status=OrganizationStatus.SUSPENDED)),
        created_lately=Count("pk", filter=Q(created_at__gte=month)),
    )
    return {
        "at": at,
        "people": people,
        "organizations": organizations,
        "subscriptions": _subscriptions(),
        "usable_keys": usable_keys(),
        "calls_last_day": calls_last_day(at=at),
    }


def usable_keys() -> int:
    """Return how many keys are neither revoked nor disabled."""
    return ApiKey.objects.unrevoked().filter(disabled_at=None).count()


def calls_last_day(*, at: datetime) -> int:
    """Return how many calls were let through in the last 24 hours."""
    lately = KeyUsage.objects.filter(hour__gte=at - timedelta(hours=24))
    return lately.aggregate(sum=Sum("calls"))["sum"] or 0


def _subscriptions() -> list[dict[str, Any]]:
    active = Subscription.objects.filter(status=SubscriptionStatus.ACTIVE)
    counted = active.values("plan__code").annotate(count=Count("pk")).order_by("plan__code")
    return [{"plan": row["plan__code"], "active": row["count"]} for row in counted]


def metrics(*, at: datetime) -> dict[str, Any]:
    """Return what waits where, and what was noticed in the last hour; Prometheus is told more at `/metrics`."""
    waiting, failed = mail.waiting_and_failed()
    queue = webhooks.queue_state(at=at)
    noted = audit.security_events_by_name(at=at)
    making = DataExport.objects.filter(
        status__in=[DataExport.Status.QUEUED, DataExport.Status.RUNNING]
    )
    return {
        "at": at,
        "usage_stream": _stream(),
        "mails": {"waiting": waiting, "failed": failed},
        "webhooks": {
            "to_fan_out": queue.to_fan_out,
            "due": queue.due,
            "pending": queue.pending,
            "oldest_due_seconds": round(queue.oldest_due_seconds, 3),
            "open_circuits": queue.open_circuits,
            "failing": queue.failing,
        },
        "exports_open": making.count(),
        "broadcasts_sending": Broadcast.objects.filter(status=Broadcast.Status.SENDING).count(),
        "security_events": [
            {"name": name, "severity": severity, "count": count} for name, severity, count in noted
        ],
    }


def _stream() -> dict[str, Any] | None:
    """Return how many calls wait to be counted and how old the first one is; nothing while Redis is away."""
    try:
        length, age = stream.backlog()
    except redis.RedisError:
        return None
    return {"length": length, "lag_seconds": round(age, 3)}
