"""Erase an account for good, without the days of grace: `manage.py erase_user eve@example.com`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import services
from accounts.management.base import person_called
from config.common import context
from config.common.errors import DomainError


class Command(BaseCommand):
    """For requests that come by letter. What the law keeps, such as invoices and the audit log, stays under no name."""

    help = "Erase an account now. It cannot be undone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address."""
        parser.add_argument("email", help="or the id of the account")
        parser.add_argument(
            "--dry-run", action="store_true", help="Only say what is known about the person."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Erase the account, or say whether it could be."""
        user = person_called(options["email"])
        try:
            with context.command("erase_user"):
                if options["dry_run"]:
                    services.deletions.rehearse(user_id=user.pk, at=timezone.now())
                    for section, rows in services.archives.counts(user):
                        self.stdout.write(f"{section.name}: {rows}")
                    self.stdout.write(f"{user.email} can be erased; nothing was changed.")
                    return
                services.deletions.erase(user_id=user.pk, at=timezone.now())
        except DomainError as error:
            raise CommandError(error.detail) from None
        self.stdout.write(f"{user.email} is erased; what is left is called deleted-{user.pk}-….")
