"""Let in who lost their second factor: `manage.py reset_two_factor ada@example.com --reason "lost telephone, called back"`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import selectors, services
from config.common import context


class Command(BaseCommand):
    """Takes the authenticator app, the recovery codes and the passkeys of a person; every session ends."""

    help = "Take every second factor from a person who lost theirs: make sure first who asks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address and the reason."""
        parser.add_argument("email")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the factors."""
        user = selectors.user_by_email(options["email"])
        if user is None:
            raise CommandError(f"Nobody has the address {options['email']}.")
        with context.command("reset_two_factor"):
            is_done = services.two_factor.reset(user=user, reason=options["reason"])
        if not is_done:
            raise CommandError(f"{user.email} has no second factor.")
        self.stdout.write(
            f"{user.email} signs in with the password alone until a new one is set up."
        )
