"""Stop an account: `manage.py suspend_user eve@example.com --reason "stolen card"`."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import services
from accounts.management.base import person_called
from config.common import context
from config.common.errors import DomainError


class Command(BaseCommand):
    """Ends the person's sessions at once and stops their keys within two seconds."""

    help = "Stop an account: its sessions end and its keys stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address and the reason."""
        parser.add_argument("email", help="or the id of the account")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--days", type=_days, help="lift it by itself after so many days")

    def handle(self, *args: Any, **options: Any) -> None:
        """Stop the account."""
        user = person_called(options["email"])
        try:
            with context.command("suspend_user"):
                now = timezone.now()
                until = now + timedelta(days=options["days"]) if options["days"] else None
                services.suspension.suspend(
                    user=user, reason=options["reason"], until=until, at=now
                )
        except DomainError as error:
            raise CommandError(error.detail) from None
        self.stdout.write(f"{user.email} is suspended.")


def _days(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 3650:
        return int(text)
    raise ArgumentTypeError("a whole number from 1 to 3650")
