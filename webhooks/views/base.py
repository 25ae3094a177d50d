"""What the pages of webhooks have in common."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

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


def query_of(request: HttpRequest, *names: str) -> dict[str, str]:
    """Return the filters of a list as short clean texts."""
    return {name: request.GET.get(name, "").replace("\x00", "").strip()[:80] for name in names}


def reveal(request: HttpRequest, webhook: Webhook, secret: str, *, is_new: bool) -> HttpResponse:
    """Show the secret in this one answer; neither a session, a URL nor a cache ever holds it."""
    context = {"webhook": webhook, "secret": secret, "is_new": is_new}
    answer = render(request, "webhooks/webhook_secret.html", context)
    answer["Cache-Control"] = "no-store"
    return answer
