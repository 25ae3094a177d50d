"""The verbs of endpoints. A secret is returned once by the verb that mints it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.db import transaction

from accounts.models import User
from config.common import changes, crypto
from config.common.errors import Conflict, NotFound
from config.common.events import publish
from config.common.logs import REDACTED
from config.common.overlap import require_overlap
from organizations import access
from organizations.models import Organization
from organizations.roles import Permission
from organizations.services import grants
from webhooks import selectors
from webhooks.models import DisabledReason, Status, Webhook, WebhookAttempt, WebhookDelivery
from webhooks.models.endpoints import HEADERS
from webhooks.services import secrets
from webhooks.services.endpoint_checks import EndpointChanges, EndpointSettings, checked
from webhooks.signals import (
    WebhookCreated,
    WebhookDeleted,
    WebhookDisabled,
    WebhookEnabled,
    WebhookSecretRotated,
    WebhookUpdated,
)


class EndpointLimitReached(Conflict):
    """The plan allows no further webhook."""

    code = "webhook_limit_reached"
    title = "No further webhook is allowed"
    fix = "Delete a webhook that is no longer needed, or choose a plan with more webhooks."
    members = {"limit": ("How many there may be.", 5)}


class DisabledByStaff(Conflict):
    """The webhook was switched off by the platform's staff, who alone can switch it on."""

    code = "webhook_disabled_by_staff"
    title = "The webhook was switched off by staff"
    fix = "Ask the platform's support why, and to enable it again."


def create_webhook(
    *, organization: Organization, created_by: User | None, settings: EndpointSettings
) -> tuple[Webhook, str]:
    """Add an endpoint and return it with its secret, or with its public key when it is signed by Ed25519.

    Endpoints are counted under a lock on the organization. Raises InvalidInput, EndpointLimitReached, or what
    `access.lock_open_for` raises.
    """
    columns = _columns(checked(settings))
    with transaction.atomic():
        access.lock_open_for(organization.pk, by=created_by, permission=Permission.WEBHOOKS_WRITE)
        limit = selectors.allowance_of(organization).endpoints
        if Webhook.objects.filter(organization=organization).count() >= limit:
            raise EndpointLimitReached(
                f"The plan's limit of webhooks, {limit}, is reached.", limit=limit
            )
        columns.setdefault("event_types", ["*"])
        webhook = Webhook.objects.create(
            organization=organization, created_by=created_by, **columns
        )
        shown = secrets.mint(webhook)
        publish(
            WebhookCreated(
                organization_id=organization.pk, webhook_id=webhook.pk, host=_host(webhook)
            ),
            after=_told(webhook),
        )
    return webhook, shown


def update_webhook(
    *, webhook: Webhook, settings: EndpointChanges, by: User | None = None
) -> Webhook:
    """Change the given settings and return the endpoint; nothing happens when they are as they were.

    Raises InvalidInput, NotFound, and what `access.lock_open_for` raises where a person asks.
    """
    columns = _columns(checked(settings))
    with transaction.atomic():
        locked = _locked_for(webhook, by)
        changed = {name: value for name, value in columns.items() if getattr(locked, name) != value}
        if "headers_encrypted" in changed and headers_of(locked) == settings.get("headers"):
            del changed["headers_encrypted"]
        if not changed:
            return locked
        before = _told(locked, changed)
        for name, value in changed.items():
            setattr(locked, name, value)
        # What was changed may have mended it: it is tried at once.
        locked.circuit_open_until = None
        locked.save(update_fields=[*changed, "circuit_open_until", "updated_at"])
        publish(
            WebhookUpdated(
                organization_id=locked.organization_id,
                webhook_id=locked.pk,
                before=before,
                after=_told(locked, changed),
            )
        )
    return locked


@transaction.atomic
def delete_webhook(*, webhook: Webhook, by: User | None = None) -> None:
    """Remove the endpoint, its secrets and its delivery log; messages stay in the feed.

    Raises what `access.lock_open_for` raises where a person asks.
    """
    if by is not None:
        _lock_for(webhook, by)
    locked = Webhook.objects.select_for_update(of=("self",)).filter(pk=webhook.pk).first()
    if locked is None:
        return
    told = WebhookDeleted(
        organization_id=locked.organization_id, webhook_id=locked.pk, host=_host(locked)
    )
    before = _told(locked)
    # By hand, table by table: the cascade would load every delivery first.
    WebhookAttempt.objects.filter(webhook=locked).delete()
    deliveries = WebhookDelivery.objects.filter(webhook=locked)
    deliveries._raw_delete(deliveries.db)  # noqa: SLF001  (no instance has to know)
    grants.forget_object(model=Webhook, object_ids=[locked.pk])
    locked.delete()
    publish(told, before=before)


@transaction.atomic
def rotate_secret(
    *,
    webhook: Webhook,
    at: datetime,
    overlap_seconds: int = secrets.DEFAULT_OVERLAP_SECONDS,
    by: User | None = None,
) -> str:
    """Give the endpoint a new secret and return it; the present ones sign, too, for the overlap at most.

    Raises InvalidInput, NotFound, and what `access.lock_open_for` raises where a person asks.
    """
    require_overlap(overlap_seconds, at_most=secrets.MAX_OVERLAP_SECONDS)
    locked = _locked_for(webhook, by)
    secrets.retire(locked, at=at, overlap_seconds=overlap_seconds)
    shown = secrets.mint(locked)
    locked.save(update_fields=["updated_at"])
    publish(
        WebhookSecretRotated(
            organization_id=locked.organization_id,
            webhook_id=locked.pk,
            overlap_seconds=overlap_seconds,
        ),
        **changes.of_secret("secret"),
    )
    return shown


@transaction.atomic
def disable_webhook(
    *,
    webhook: Webhook,
    at: datetime,
    reason: DisabledReason = DisabledReason.CUSTOMER,
    by: User | None = None,
) -> Webhook:
    """Stop telling the endpoint; what waits for it is canceled and can be recovered later.

    One that is disabled already stays as it is, except that staff's word replaces any other reason. Raises NotFound,
    and what `access.lock_open_for` raises where a person asks.
    """
    locked = _locked_for(webhook, by)
    is_taken_over = reason == DisabledReason.STAFF != locked.disabled_reason
    if locked.disabled_at is not None and not is_taken_over:
        return locked
    before = changes.snapshot(locked)
    locked.disabled_at, locked.disabled_reason = at, reason
    locked.circuit_open_until = None
    locked.save(
        update_fields=["disabled_at", "disabled_reason", "circuit_open_until", "updated_at"]
    )
    cancel_pending(webhook_id=locked.pk, at=at)
    publish(
        WebhookDisabled(
            organization_id=locked.organization_id, webhook_id=locked.pk, reason=reason.value
        ),
        **changes.since(before, locked),
    )
    return locked


@transaction.atomic
def enable_webhook(*, webhook: Webhook, is_staff: bool = False, by: User | None = None) -> Webhook:
    """Tell the endpoint of events from now on; its count of failures starts afresh.

    What it missed is not sent by itself: `resending.recover` and `resending.replay_missing` do. Raises DisabledByStaff,
    NotFound, or what `access.lock_open_for` raises.
    """
    _lock_for(webhook, by)
    locked = locked_row(webhook.pk)
    if locked.disabled_at is None:
        return locked
    if locked.disabled_reason == DisabledReason.STAFF and not is_staff:
        raise DisabledByStaff
    before = changes.snapshot(locked)
    locked.disabled_at, locked.disabled_reason = None, DisabledReason.NONE
    locked.failing_since, locked.failures_in_a_row, locked.noticed_percent = None, 0, 0
    locked.circuit_open_until = None
    locked.save(
        update_fields=[
            *("disabled_at", "disabled_reason", "failing_since", "failures_in_a_row"),
            *("noticed_percent", "circuit_open_until", "updated_at"),
        ]
    )
    publish(
        WebhookEnabled(organization_id=locked.organization_id, webhook_id=locked.pk),
        **changes.since(before, locked),
    )
    return locked


def hold_webhooks_of(organization_id: int) -> None:
    """Lock an organization's endpoints for the rest of the transaction."""
    found = Webhook.objects.filter(organization_id=organization_id).order_by("pk")
    list(found.select_for_update(no_key=True).values_list("pk"))


@transaction.atomic
def disable_webhooks_of(*, organization_id: int, at: datetime) -> None:
    """Stop telling every endpoint of an organization that is being closed; the closing itself, they are still told of."""
    for webhook in Webhook.objects.filter(organization_id=organization_id).order_by("pk"):
        disable_webhook(webhook=webhook, at=at, reason=DisabledReason.CLOSED)


def cancel_pending(*, webhook_id: int, at: datetime) -> int:
    """End the deliveries that wait for an endpoint and return how many there were."""
    pending = WebhookDelivery.objects.filter(webhook_id=webhook_id, status=Status.PENDING)
    return pending.update(
        status=Status.CANCELED, next_attempt_at=None, leased_until=None, completed_at=at
    )


def headers_of(webhook: Webhook) -> dict[str, str]:
    """Return the custom headers with their values, which may be secrets: for sending only, never for showing."""
    if not webhook.headers_encrypted:
        return {}
    found: dict[str, str] = orjson.loads(crypto.decrypt(webhook.headers_encrypted, purpose=HEADERS))
    return found


def locked_row(webhook_id: int) -> Webhook:
    """Return an endpoint, locked for the rest of the transaction. Raises NotFound when it was deleted meanwhile."""
    rows = Webhook.objects.select_for_update(of=("self",), no_key=True)
    found = rows.filter(pk=webhook_id).first()
    if found is None:
        raise NotFound
    return found


def _locked_for(webhook: Webhook, by: User | None) -> Webhook:
    if by is not None:
        _lock_for(webhook, by)
    return locked_row(webhook.pk)


def _lock_for(webhook: Webhook, by: User | None) -> None:
    access.lock_open_for(
        webhook.organization_id, by=by, permission=Permission.WEBHOOKS_WRITE, on=webhook
    )


def _columns(settings: EndpointSettings) -> dict[str, Any]:
    columns: dict[str, Any] = dict(settings)
    if "headers" in columns:
        headers = columns.pop("headers")
        columns["header_names"] = sorted(headers)
        sealed = crypto.encrypt(orjson.dumps(headers).decode(), purpose=HEADERS) if headers else ""
        columns["headers_encrypted"] = sealed
    return columns


def _told(webhook: Webhook, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Return all columns, or the named ones, as an event tells them: without what lets others in."""
    told = changes.told(webhook, names)
    if "url" in told:
        told["url"] = webhook.told_url
    if told.pop("headers_encrypted", ""):
        told["headers"] = REDACTED
    return told


def _host(webhook: Webhook) -> str:
    return urlsplit(webhook.url).hostname or ""
