"""Send a test event: `manage.py send_test_webhook 12 --type api_key.created --now`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from config.common.commands import DomainCommand
from webhooks import selectors
from webhooks.models import Outcome
from webhooks.services import sending, testing


class Command(DomainCommand):
    """Without --now a worker sends it; with it, this command does, along with whatever else is due."""

    help = "Send the example of an event type to one webhook."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whom and what."""
        parser.add_argument("webhook", type=int, help="id")
        parser.add_argument("--type", default=testing.DEFAULT_TYPE, help="an event type")
        parser.add_argument("--now", action="store_true", help="send it here and show the answer")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Send it and, if asked to, say what was answered."""
        webhook = selectors.webhook_called(options["webhook"])
        delivery = testing.send_test(webhook=webhook, at=at, event_type=options["type"])
        self.stdout.write(f"{delivery.message.message_id} is owed to {webhook.url}.")
        if not options["now"]:
            return
        sending.drain(seconds=20)
        attempt = delivery.log.order_by("id").first()
        if attempt is None:
            raise CommandError(
                "It was not sent from here: a worker has it, or the endpoint is left alone for a while after failures. "
                "Look into the delivery log."
            )
        said = attempt.status_code or attempt.error
        label = Outcome(attempt.outcome).label
        self.stdout.write(f"{label}: {said}, {attempt.duration_ms} ms.")
