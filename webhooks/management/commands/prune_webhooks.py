"""Delete what is past its retention: `manage.py prune_webhooks`."""

from datetime import datetime
from typing import Any

from webhooks.management.base import WebhookCommand
from webhooks.services import upkeep


class Command(WebhookCommand):
    """Beat does the same every six hours."""

    help = "Delete webhook messages with their log that are older than their plan keeps."

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Prune."""
        self.stdout.write(f"{upkeep.prune(at=at)} messages are deleted.")
