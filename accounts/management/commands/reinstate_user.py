"""Let a suspended account in again: `manage.py reinstate_user eve@example.com`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import services
from accounts.management.base import person_called
from config.common import context


class Command(BaseCommand):
    """Lifts a suspension; sessions that ended with it stay ended."""

    help = "Let a suspended account in again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address."""
        parser.add_argument("email", help="or the id of the account")

    def handle(self, *args: Any, **options: Any) -> None:
        """Lift the suspension."""
        user = person_called(options["email"])
        with context.command("reinstate_user"):
            if not services.suspension.reinstate(user=user):
                raise CommandError(f"{user.email} is not suspended.")
        self.stdout.write(f"{user.email} may sign in again.")
