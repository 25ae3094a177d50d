"""The figures on top of the back office's first page."""

from typing import TypedDict

from django.utils import timezone

from accounts.models import User
from config.backoffice import state
from organizations.models import Organization, OrganizationStatus
from webhooks.models import WebhookMessage


class Number(TypedDict):
    """One figure with the words around it."""

    label: str
    value: int
    hint: str


def dashboard() -> list[Number]:
    """Return the four figures."""
    owed = WebhookMessage.objects.filter(fanned_out_at=None).count()
    return [
        {
            "label": "Active organizations",
            "value": Organization.objects.filter(status=OrganizationStatus.ACTIVE).count(),
            "hint": f"{User.objects.count()} people",
        },
        {
            "label": "Usable keys",
            "value": state.usable_keys(),
            "hint": "neither revoked nor disabled",
        },
        {
            "label": "Calls",
            "value": state.calls_last_day(at=timezone.now()),
            "hint": "let through in the last 24 hours",
        },
        {"label": "Messages owed", "value": owed, "hint": "events not yet sent to customers"},
    ]
