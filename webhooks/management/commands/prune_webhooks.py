"""Delete what is past its retention: `manage.py prune_webhooks`."""

from datetime import datetime
from typing import Any

from config.common.commands import DomainCommand
from webhooks.services import upkeep


class Command(DomainCommand):
    """Beat does the same every six hours."""

    help = "Delete webhook messages with their log that are older than their plan keeps."

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Prune."""
        self.stdout.write(f"{upkeep.prune(at=at)} messages are deleted.")
