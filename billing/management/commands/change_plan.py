"""Move an organization to another plan: `manage.py change_plan acme PRO`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from billing.services import subscriptions
from config.common.commands import DomainCommand
from organizations import selectors


class Command(DomainCommand):
    """Takes effect at once."""

    help = "Move an organization to another plan; its limits hold at the gate within two seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization and the plan."""
        parser.add_argument("organization", help="id or slug")
        parser.add_argument("plan", help="code of the plan, such as PRO")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Change the plan."""
        organization = selectors.organization_called(options["organization"])
        subscription = subscriptions.change_plan(
            organization=organization, plan_code=options["plan"]
        )
        self.stdout.write(f"{organization} is on {subscription.plan}.")
