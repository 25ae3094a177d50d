"""Moves an organization to another plan."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.services import subscriptions
from config.common import context
from config.common.errors import DomainError
from organizations import selectors


class Command(BaseCommand):
    """`manage.py change_plan ORGANIZATION PLAN`"""

    help = "Move an organization to another plan; its limits hold at the gate within two seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization and the plan."""
        parser.add_argument("organization", help="id or slug")
        parser.add_argument("plan", help="code of the plan, such as PRO")

    def handle(self, *args: Any, **options: Any) -> None:
        """Change the plan."""
        with context.command("change_plan"):
            try:
                organization = selectors.organization_called(options["organization"])
                subscription = subscriptions.change_plan(
                    organization=organization, plan_code=options["plan"]
                )
            except DomainError as error:
                raise CommandError(error.detail) from None
        self.stdout.write(f"{organization} is on {subscription.plan}.")
