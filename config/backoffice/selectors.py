"""Numbers of the dashboard."""

from datetime import timedelta
from typing import TypedDict

from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from apikeys.models import ApiKey, KeyUsage
from organizations.models import Organization, OrganizationStatus
from webhooks.models import WebhookMessage


class Number(TypedDict):
    """One figure with the words around it."""

    label: str
    value: int
    hint: str


def dashboard() -> list[Number]:
    """Return the four figures on top of the back office."""
    since = timezone.now() - timedelta(hours=24)
    calls = KeyUsage.objects.filter(hour__gte=since).aggregate(sum=Sum("calls"))["sum"] or 0
    owed = WebhookMessage.objects.filter(fanned_out_at=None).count()
    return [
        {
            "label": "Active organizations",
            "value": Organization.objects.filter(status=OrganizationStatus.ACTIVE).count(),
            "hint": f"{User.objects.count()} people",
        },
        {
            "label": "Usable keys",
            "value": ApiKey.objects.unrevoked().filter(disabled_at=None).count(),
            "hint": "neither revoked nor disabled",
        },
        {"label": "Calls", "value": calls, "hint": "let through in the last 24 hours"},
        {"label": "Messages owed", "value": owed, "hint": "events not yet sent to customers"},
    ]
