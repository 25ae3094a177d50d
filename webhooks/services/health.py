"""What results mean for an endpoint: its circuit, its notices, its end after five days of failures or one 410."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Q

from accounts.services import notices
from config.common import changes, mail
from config.common.changes import Snapshot
from config.common.events import publish
from organizations import selectors as organizations
from webhooks import retry
from webhooks.models import DisabledReason, Outcome, Webhook
from webhooks.services import endpoints
from webhooks.signals import WebhookFailuresNoticed, WebhookRecovered

# How exact the time of the last success is: written more often, it would cost more than it tells.
_SUCCESS_PRECISION = timedelta(seconds=10)
_KEEP = """
    SELECT id, failing_since IS NOT NULL FROM webhooks_webhook WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One attempt at an endpoint, as far as its health is concerned."""

    webhook_id: int
    outcome: Outcome
    at: datetime


def lock(verdicts: Sequence[Verdict]) -> list[Webhook]:
    """Lock the endpoints of these attempts, before their deliveries, and return those whose health is in question.

    One that is deleted meanwhile is waited for, or waits.
    """
    ids = sorted({verdict.webhook_id for verdict in verdicts})
    failed = {verdict.webhook_id for verdict in verdicts if verdict.outcome != Outcome.SUCCEEDED}
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [ids])
        suspects = failed | {pk for pk, is_failing in cursor.fetchall() if is_failing}
    if not suspects:
        return []
    rows = Webhook.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=suspects)
    return list(rows.order_by("pk"))


def judge(verdicts: Sequence[Verdict], suspects: Sequence[Webhook]) -> None:
    """Bring the endpoints' health up to date, in the caller's transaction; the verdicts come in the order of time."""
    _note_successes(
        {verdict.webhook_id: verdict.at for verdict in verdicts},
        {webhook.pk for webhook in suspects},
    )
    for webhook in suspects:
        _apply(webhook, [verdict for verdict in verdicts if verdict.webhook_id == webhook.pk])


def _note_successes(latest: dict[int, datetime], suspects: set[int]) -> None:
    healthy = [webhook_id for webhook_id in latest if webhook_id not in suspects]
    if not healthy:
        return
    at = max(latest[webhook_id] for webhook_id in healthy)
    is_old = Q(last_success_at=None) | Q(last_success_at__lt=at - _SUCCESS_PRECISION)
    Webhook.objects.filter(is_old, pk__in=healthy).update(last_success_at=at)


def _apply(webhook: Webhook, verdicts: Iterable[Verdict]) -> None:
    before = changes.snapshot(webhook)
    is_gone = False
    for verdict in verdicts:
        if verdict.outcome == Outcome.SUCCEEDED:
            _succeed(webhook, verdict.at)
        else:
            _fail(webhook, verdict.at)
            is_gone = is_gone or verdict.outcome == Outcome.GONE
    webhook.save(
        update_fields=[
            *("failing_since", "failures_in_a_row", "noticed_percent", "circuit_open_until"),
            *("last_success_at", "last_failure_at"),
        ]
    )
    _announce(webhook, before, is_gone=is_gone)


def _succeed(webhook: Webhook, at: datetime) -> None:
    webhook.last_success_at = at
    webhook.failing_since, webhook.failures_in_a_row, webhook.noticed_percent = None, 0, 0
    webhook.circuit_open_until = None


def _fail(webhook: Webhook, at: datetime) -> None:
    webhook.failing_since = retry.failing_since(
        webhook.failing_since, last_failure_at=webhook.last_failure_at, at=at
    )
    webhook.last_failure_at = at
    webhook.failures_in_a_row += 1
    wait = retry.circuit_wait(webhook.failures_in_a_row)
    webhook.circuit_open_until = None if wait is None else at + wait
    due = retry.notice_due(
        failing_since=webhook.failing_since, at=at, noticed_percent=webhook.noticed_percent
    )
    webhook.noticed_percent = due or webhook.noticed_percent


def _announce(webhook: Webhook, before: Snapshot, *, is_gone: bool) -> None:
    if not webhook.is_enabled:
        return
    at, was_noticed = webhook.last_failure_at, before.values["noticed_percent"]
    if is_gone and at is not None:
        endpoints.disable_webhook(webhook=webhook, at=at, reason=DisabledReason.GONE)
        _tell("disabled", webhook, failing_since=webhook.failing_since, is_gone=True)
    elif webhook.noticed_percent > was_noticed and at is not None:
        _give_notice(webhook, before, at)
    elif was_noticed and not webhook.noticed_percent:
        publish(
            WebhookRecovered(organization_id=webhook.organization_id, webhook_id=webhook.pk),
            **changes.since(before, webhook),
        )
        _tell("recovered", webhook, failing_since=None)


def _give_notice(webhook: Webhook, before: Snapshot, at: datetime) -> None:
    percent = webhook.noticed_percent
    publish(
        WebhookFailuresNoticed(
            organization_id=webhook.organization_id, webhook_id=webhook.pk, percent=percent
        ),
        **changes.since(before, webhook),
    )
    if percent < 100:
        _tell("failing", webhook, failing_since=webhook.failing_since)
        return
    endpoints.disable_webhook(webhook=webhook, at=at, reason=DisabledReason.FAILING)
    _tell("disabled", webhook, failing_since=webhook.failing_since)


# What the portal's notices are called and say; the mails have templates of the same names.
_NOTICES = {
    "failing": ("webhook.failures_noticed", "A webhook keeps failing"),
    "disabled": ("webhook.disabled", "A webhook is switched off"),
    "recovered": ("webhook.recovered", "A webhook works again"),
}


def _tell(
    what: str, webhook: Webhook, *, failing_since: datetime | None, is_gone: bool = False
) -> None:
    """Tell those who run the organization, by mail and in the portal."""
    page = f"/webhooks/{webhook.pk}/"
    values = {
        "webhook": webhook,
        "organization": webhook.organization,
        "page": f"{settings.PUBLIC_URL}{page}",
        "failing_since": failing_since,
        "disabled_at": failing_since + retry.DISABLE_AFTER if failing_since else None,
        "is_gone": is_gone,
    }
    members = list(organizations.responsible_for(webhook.organization_id))
    for member in members:
        mail.send(f"webhooks/{what}", to=member.user.email, values={"user": member.user, **values})
    kind, title = _NOTICES[what]
    people = [member.user_id for member in members]
    notices.notify(users=people, kind=kind, title=title, body=webhook.told_url, link=page)
