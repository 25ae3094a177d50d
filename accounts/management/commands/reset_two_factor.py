"""Let in who lost their second factor: `manage.py reset_two_factor ada@example.com --reason "lost telephone, called back"`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import services
from accounts.management.base import person_called
from config.common import context


class Command(BaseCommand):
    """Takes the authenticator app, the recovery codes and the passkeys of a person; every session ends."""

    help = "Take every second factor from a person who lost theirs: make sure first who asks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address and the reason."""
        parser.add_argument("email", help="or the id of the account")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the factors."""
        user = person_called(options["email"])
        with context.command("reset_two_factor"):
            is_done = services.two_factor.reset(user=user, reason=options["reason"])
        if not is_done:
            raise CommandError(f"{user.email} has no second factor.")
        self.stdout.write(
            f"{user.email} signs in with the password alone until a new one is set up."
        )
