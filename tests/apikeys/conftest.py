"""A key at hand, and whether a secret works."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from apikeys import secrets
from apikeys.models import ApiKey, Secret
from organizations.models import Organization
from tests.factories.apikeys import ApiKeyFactory


@pytest.fixture
def key(organization: Organization) -> ApiKey:
    """Return a key of Olivia's organization; `key.secret` is its secret."""
    key: ApiKey = ApiKeyFactory.create(
        organization=organization, name="Checkout", scopes=["orders:read"]
    )
    return key


@pytest.fixture
def works() -> Callable[[str], bool]:
    """Tell whether the database holds a secret that has no end, or one yet to come."""

    def works(secret: str) -> bool:
        peppers = secrets.parse_peppers(settings.KEY_PEPPERS)
        now = timezone.now()
        open_ended = Q(expires_at=None) | Q(expires_at__gt=now)
        return Secret.objects.filter(
            open_ended, digest__in=secrets.digests(secret, peppers)
        ).exists()

    return works


@pytest.fixture
def break_audit_log(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes every further entry fail, as a full disk would."""

    def fail(*_args: Any, **_values: Any) -> None:
        raise RuntimeError("the disk is full")

    return lambda: monkeypatch.setattr("audit.services.entries.record", fail)
