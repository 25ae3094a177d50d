"""What the views of webhooks have in common."""

from typing import ClassVar

from organizations.roles import Permission
from organizations.scoping import OrganizationScoped
from webhooks import selectors
from webhooks.models import Webhook, WebhookDelivery

ONCE = {"Cache-Control": "no-store"}
READ = Permission.WEBHOOKS_READ
WRITE = Permission.WEBHOOKS_WRITE


class WebhookScoped(OrganizationScoped):
    """A view over endpoints of the organization and what belongs to them."""

    permissions_by_method: ClassVar[dict[str, Permission]] = {}
    granted_on = Webhook
    granted_by = "webhook_id"

    def webhook(self, webhook_id: int) -> Webhook:
        """Return an endpoint of the organization. Raises NotFound."""
        return self.row(selectors.webhooks(), pk=webhook_id)

    def delivery(self, webhook_id: int, delivery_id: int) -> WebhookDelivery:
        """Return a delivery of the endpoint in the path. Raises NotFound."""
        of_one = selectors.deliveries().filter(webhook_id=webhook_id)
        return self.row(of_one, pk=delivery_id)
