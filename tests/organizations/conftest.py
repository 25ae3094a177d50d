"""Somebody to invite, and what was written besides the rows at hand."""

from collections.abc import Callable

import pytest

from audit.models import AuditLog
from tests.factories.accounts import UserFactory
from tests.organizations.inviting import NORA
from webhooks.models import WebhookMessage


@pytest.fixture
def told(db: None) -> Callable[[], list[str]]:
    """Return the names of the events that were audited since the last call; public ones are owed as webhooks, too."""
    seen = {"audit": 0, "webhooks": 0}

    def told() -> list[str]:
        entries = AuditLog.objects.filter(pk__gt=seen["audit"]).order_by("pk")
        owed = WebhookMessage.objects.filter(pk__gt=seen["webhooks"]).order_by("pk")
        names = [entry.event for entry in entries]
        public = [message.event_type for message in owed]
        seen["audit"] = max([seen["audit"], *(entry.pk for entry in entries)])
        seen["webhooks"] = max([seen["webhooks"], *(message.pk for message in owed)])
        assert sorted(public) == sorted(
            name for name in names if not name.startswith(("user.", "se"))
        )
        return names

    return told


@pytest.fixture
def nora(db):
    """Return somebody with an account, who is invited in these tests."""
    return UserFactory.create(email=NORA, full_name="Nora Newcomer")
