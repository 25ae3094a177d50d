"""What staff does to endpoints: stopping one against its owner's will, and waking those who send."""

from datetime import datetime

from django.db import transaction
from django.urls import reverse

from accounts.services import notices
from config.common import changes, reasons
from config.common.events import publish
from organizations import selectors as organizations
from webhooks.models import DisabledReason, Webhook
from webhooks.services import doorbell, endpoints
from webhooks.signals import CircuitClosed, WebhookForceDisabled


@transaction.atomic
def force_disable(*, webhook: Webhook, note: str, at: datetime) -> Webhook:
    """Switch an endpoint off so that only staff can switch it on; its owners read why. Raises InvalidInput without a reason."""
    note = " ".join(note.split())
    reasons.require(note)
    disabled = endpoints.disable_webhook(webhook=webhook, at=at, reason=DisabledReason.STAFF)
    publish(
        WebhookForceDisabled(
            organization_id=disabled.organization_id, webhook_id=disabled.pk, note=note
        ),
        **changes.of(disabled_reason=(webhook.disabled_reason, disabled.disabled_reason)),
    )
    _tell(disabled, note)
    return disabled


def _tell(webhook: Webhook, note: str) -> None:
    members = organizations.responsible_for(webhook.organization_id)
    notices.notify(
        users=list(members.values_list("user_id", flat=True)),
        kind="webhook.force_disabled",
        title="Staff switched a webhook off",
        body=f"{webhook.told_url}: {note}",
        link=reverse("webhooks:webhook-detail", args=[webhook.pk]),
    )


@transaction.atomic
def try_now(*, webhook: Webhook) -> Webhook:
    """Close an endpoint's circuit, so that what waits for it is tried at once."""
    locked = endpoints.locked_row(webhook.pk)
    if locked.circuit_open_until is None:
        return locked
    before = changes.snapshot(locked)
    locked.circuit_open_until = None
    locked.save(update_fields=["circuit_open_until", "updated_at"])
    publish(
        CircuitClosed(organization_id=locked.organization_id, webhook_id=locked.pk),
        **changes.since(before, locked),
    )
    doorbell.ring_on_commit()
    return locked


def wake() -> None:
    """Ring the doorbell: whoever sends looks for what is due, or begins to."""
    doorbell.ring()
