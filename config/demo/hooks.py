"""The webhooks of the demo. They are made before most of what they tell of, and nothing of their log is made up."""

import contextlib

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from config.common import context
from config.common.errors import InvalidInput
from organizations.models import Organization
from webhooks.models import Signature, Webhook
from webhooks.services import endpoints, testing
from webhooks.services.endpoint_checks import EndpointSettings

_ORDERS: EndpointSettings = {
    "description": "Order system",
    "event_types": ["*"],
    "headers": {"X-Shop": "acme-weather"},
}
_OTHERS: dict[str, EndpointSettings] = {
    "warehouse": {
        "description": "Warehouse",
        "event_types": ["api_key.*"],
        "filters": [{"path": "data.environment", "operator": "equals", "value": "live"}],
        "signature": Signature.ED25519,
    },
    "shop": {"description": "Old shop", "event_types": ["member.*", "subscription.*"]},
}
_TESTS = {
    "orders": ("subscription.updated", "member.role_changed"),
    "warehouse": ("api_key.revoked",),
}
_ANY_ADDRESS = r"^http://(127\.0\.0\.1|\[::1\]):[0-9]+/demo/hooks/(orders|warehouse|shop)$"


def create_webhooks(organization: Organization, owner: User) -> str:
    """Make the endpoints, owe each a few test events, and return the secret of the one that verifies.

    There are none, and no secret, where this installation could not be called by its own workers.
    """
    try:
        orders, secret = _create(organization, owner, "orders", _ORDERS)
    except InvalidInput:
        return ""
    made = {"orders": orders}
    for name, given in _OTHERS.items():
        made[name], _ = _create(organization, owner, name, given)
    for name, event_types in _TESTS.items():
        for event_type in event_types:
            testing.send_test(webhook=made[name], at=timezone.now(), event_type=event_type)
    return secret


def follow_address() -> None:
    """Let the demo's endpoints lead to where this installation listens now: it may have been started elsewhere before."""
    for webhook in Webhook.objects.filter(url__regex=_ANY_ADDRESS).order_by("pk"):
        url = f"{settings.DEMO_HOOKS_URL}/{webhook.url.rpartition('/')[2]}"
        if url == webhook.url:
            continue
        # An address that may not be called is left as it was; the log says why nothing arrives.
        with context.command("up"), contextlib.suppress(InvalidInput):
            endpoints.update_webhook(webhook=webhook, settings={"url": url})


def _create(
    organization: Organization, owner: User, name: str, given: EndpointSettings
) -> tuple[Webhook, str]:
    return endpoints.create_webhook(
        organization=organization,
        created_by=owner,
        settings={**given, "url": f"{settings.DEMO_HOOKS_URL}/{name}"},
    )
