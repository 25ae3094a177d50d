"""Send again what endpoints did not take: `manage.py redeliver_webhooks --since 6h --status failed --organization acme`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from config.common.commands import DomainCommand, counted
from config.common.errors import NotFound
from organizations import selectors as organizations
from webhooks import selectors
from webhooks.management.base import moment
from webhooks.models import Status, Webhook
from webhooks.services import resending

MISSING = "missing"
_STATUSES: dict[str, tuple[str, ...]] = {
    "failed": (Status.FAILED,),
    "canceled": (Status.CANCELED,),
    "all": (Status.FAILED, Status.CANCELED),
}


class Command(DomainCommand):
    """Works through every enabled endpoint; a disabled one is named and left alone."""

    help = "Send webhook messages again that were given up, canceled or never sent."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take which messages, of whom."""
        parser.add_argument("--since", required=True, help="2026-03-01T12:00Z, or 90m, 6h, 2d ago")
        parser.add_argument("--until", help="the same; until now if left out")
        parser.add_argument("--status", choices=[*_STATUSES, MISSING], default="all")
        parser.add_argument("--organization", help="id or slug; every one if left out")
        parser.add_argument("--webhook", type=int, help="id; every one if left out")
        parser.add_argument("--dry-run", action="store_true", help="count only")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Go from endpoint to endpoint."""
        span = (
            moment(options["since"], at),
            moment(options["until"], at) if options["until"] else None,
        )
        total = 0
        for webhook in self._chosen(options):
            if not webhook.is_enabled:
                self.stderr.write(f"webhook {webhook.pk} is disabled ({webhook.disabled_reason})")
                continue
            try:
                count = self._redeliver(webhook, span, options, at)
            except (resending.EndpointDisabled, NotFound):
                self.stderr.write(f"webhook {webhook.pk} was disabled or deleted meanwhile")
                continue
            if count:
                self.stdout.write(f"webhook {webhook.pk}: {count}")
            total += count
        if options["dry_run"]:
            told = counted(total, "delivery would be", "deliveries would be")
        else:
            told = counted(total, "delivery is", "deliveries are")
        self.stdout.write(f"{told} sent again.")

    def _chosen(self, options: dict[str, Any]) -> list[Webhook]:
        webhooks = selectors.webhooks().order_by("pk")
        if options["organization"]:
            organization = organizations.organization_called(options["organization"])
            webhooks = webhooks.filter(organization=organization)
        if options["webhook"]:
            webhooks = webhooks.filter(pk=options["webhook"])
        return list(webhooks)

    def _redeliver(
        self,
        webhook: Webhook,
        span: tuple[datetime, datetime | None],
        options: dict[str, Any],
        at: datetime,
    ) -> int:
        since, until = span
        is_dry = options["dry_run"]
        if options["status"] == MISSING:
            if is_dry:
                return len(resending.missing(webhook=webhook, since=since, until=until))
            return resending.replay_missing(webhook=webhook, since=since, until=until, at=at)
        statuses = _STATUSES[options["status"]]
        if is_dry:
            found = resending.recoverable(
                webhook=webhook, since=since, until=until, statuses=statuses
            )
            return min(found.count(), resending.MAX_AT_ONCE)
        return resending.recover(
            webhook=webhook, since=since, until=until, statuses=statuses, at=at
        )
