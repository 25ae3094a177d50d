"""What the demo sells, and the keys its customers have."""

from django.utils import timezone

from accounts.models import User
from apikeys.models import Api, ApiKey
from apikeys.services import apis, keys
from apikeys.services.key_checks import KeySettings
from organizations.models import Organization

# Small enough for a newcomer to meet the limit by hand.
FIRST_KEY: KeySettings = {
    "name": "First call",
    "environment": "test",
    "description": "Three calls in ten seconds: enough to see one refused.",
    "rate_limit": 3,
    "rate_per_seconds": 10,
    "rate_burst": 3,
}
OTHER_KEYS: tuple[KeySettings, ...] = (
    {"name": "Production", "environment": "live", "scopes": ["forecast:read", "batch:*"]},
    {
        "name": "Mobile app",
        "environment": "live",
        "scopes": ["forecast:read"],
        "quota_limit": 200_000,
        "quota_period": "month",
    },
    {"name": "Continuous integration", "environment": "test", "scopes": ["forecast:read"]},
)


def create_api(staff: User) -> Api:
    """Describe the API that the embedded run serves under /demo."""
    api = apis.create_api(
        settings={
            "name": "Demo API",
            "slug": "demo",
            "base_path": "/demo",
            "upstream_note": "Served by the embedded run itself.",
            "sends_assertion": True,
        },
        by=staff,
        at=timezone.now(),
    )
    apis.create_rule(
        api=api,
        settings={
            "methods": ["POST"],
            "path_pattern": "/batch",
            "required_scope": "batch:write",
            "cost": 10,
        },
        by=staff,
    )
    return api


def create_keys(organization: Organization, owner: User) -> tuple[list[ApiKey], str]:
    """Make the keys; return them, busiest first, and the secret of the one that is printed."""
    now = timezone.now()
    first, secret = keys.create_key(
        organization=organization, created_by=owner, settings=FIRST_KEY, at=now
    )
    others = [
        keys.create_key(organization=organization, created_by=owner, settings=settings, at=now)[0]
        for settings in OTHER_KEYS
    ]
    return [*others, first], secret
