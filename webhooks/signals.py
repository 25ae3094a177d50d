"""What happens to endpoints and deliveries."""

from dataclasses import dataclass

from config.common.events import ChangeEvent, DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCreated(DomainEvent):
    """An endpoint was added."""

    name = "webhook.created"
    summary = "webhook {webhook_id} to {host} created"
    is_public = True
    target_type = "webhook"
    is_change = True

    webhook_id: int
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookUpdated(ChangeEvent):
    """An endpoint's settings changed; of custom headers only the names are told."""

    name = "webhook.updated"
    summary = "webhook {webhook_id} changed"
    is_public = True
    target_type = "webhook"

    webhook_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeleted(DomainEvent):
    """An endpoint was removed, with its delivery log."""

    name = "webhook.deleted"
    summary = "webhook {webhook_id} to {host} deleted"
    is_public = True
    target_type = "webhook"
    is_change = True

    webhook_id: int
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecretRotated(DomainEvent):
    """An endpoint got a new secret; the old one signs, too, until the overlap ends."""

    name = "webhook.secret_rotated"
    summary = "secret of webhook {webhook_id} rotated, overlap {overlap_seconds} s"
    is_public = True
    target_type = "webhook"
    is_change = True

    webhook_id: int
    overlap_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDisabled(DomainEvent):
    """An endpoint gets nothing any more: `customer`, `staff`, `gone`, `failing` or `closed` says why."""

    name = "webhook.disabled"
    summary = "webhook {webhook_id} disabled: {reason}"
    is_public = True
    target_type = "webhook"
    is_change = True

    webhook_id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEnabled(DomainEvent):
    """An endpoint is told of events again."""

    name = "webhook.enabled"
    summary = "webhook {webhook_id} enabled"
    is_public = True
    target_type = "webhook"
    is_change = True

    webhook_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceRequested(DomainEvent):
    """A row of probes of an endpoint's conformance was asked for."""

    name = "webhook.conformance_requested"
    summary = "conformance run {run_id} of webhook {webhook_id} asked for"
    target_type = "webhook"

    webhook_id: int
    run_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceFinished(DomainEvent):
    """A conformance run is over; without a grade, it could not be finished."""

    name = "webhook.conformance_finished"
    summary = "conformance run {run_id} of webhook {webhook_id} graded {grade}"
    target_type = "webhook"

    webhook_id: int
    run_id: int
    grade: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookForceDisabled(DomainEvent):
    """Staff switched an endpoint off, and said why."""

    name = "webhook.force_disabled"
    summary = "webhook {webhook_id} switched off by staff: {note}"
    target_type = "webhook"
    is_change = True

    webhook_id: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitClosed(DomainEvent):
    """Staff had an endpoint tried at once that was left alone for a while after failures."""

    name = "webhook.circuit_closed"
    summary = "circuit of webhook {webhook_id} closed by hand"
    target_type = "webhook"
    is_change = True

    webhook_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFailuresNoticed(DomainEvent):
    """An endpoint has failed without one success for so much of the five days after which it is disabled."""

    name = "webhook.failures_noticed"
    summary = "webhook {webhook_id} has failed for {percent} % of the five days"
    is_public = True
    target_type = "webhook"

    webhook_id: int
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRecovered(DomainEvent):
    """An endpoint that we had warned about accepts events again."""

    name = "webhook.recovered"
    summary = "webhook {webhook_id} recovered"
    is_public = True
    target_type = "webhook"

    webhook_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveriesRequeued(DomainEvent):
    """Messages are sent to an endpoint once more: `resend` of one, `recovery` of a time, `replay` of what was missing."""

    name = "webhook.deliveries_requeued"
    summary = "{count} deliveries to webhook {webhook_id} sent again ({trigger})"
    target_type = "webhook"

    webhook_id: int
    trigger: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTested(DomainEvent):
    """A test event was sent to an endpoint."""

    name = "webhook.tested"
    summary = "test event {event_type} sent to webhook {webhook_id}"
    target_type = "webhook"

    webhook_id: int
    event_type: str
