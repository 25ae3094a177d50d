"""Delete what is past its retention: `manage.py prune_webhooks`."""

from datetime import datetime
from typing import Any

from config.common.commands import DomainCommand, counted
from webhooks.services import upkeep


class Command(DomainCommand):
    """Beat does the same every six hours."""

    help = "Delete webhook messages with their log that are older than their plan keeps."

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Prune."""
        gone = counted(upkeep.prune(at=at), "message is", "messages are")
        self.stdout.write(f"{gone} deleted.")
