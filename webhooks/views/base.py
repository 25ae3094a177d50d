"""What the pages of webhooks have in common."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from config.common import once
from organizations import access
from organizations.permissions import tenant_of_page
from organizations.roles import Permission
from webhooks import selectors
from webhooks.models import Webhook

READ = Permission.WEBHOOKS_READ
WRITE = Permission.WEBHOOKS_WRITE


def webhook_of(request: HttpRequest, pk: int) -> Webhook:
    """Return an endpoint of the person's organization. Raises NotFound."""
    return access.row_of(tenant_of_page(request), selectors.webhooks(), pk=pk)


def may_write(request: HttpRequest, webhook: Webhook | None = None) -> bool:
    """Whether the person may change webhooks, or at least this one."""
    tenant = tenant_of_page(request)
    return tenant.may(WRITE) if webhook is None else tenant.may_on(WRITE, webhook)


def reveal(request: HttpRequest, webhook: Webhook, secret: str, *, is_new: bool) -> HttpResponse:
    """Show the secret of a new endpoint, or its new one."""
    return once.reveal(
        request,
        "webhooks/webhook_secret.html",
        {"webhook": webhook, "secret": secret, "is_new": is_new},
        instead=reverse("webhooks:webhook-detail", args=[webhook.pk]),
        hint="The secret was shown that once: rotate it if you did not keep it.",
    )
