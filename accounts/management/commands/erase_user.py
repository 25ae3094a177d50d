"""Erase an account for good, without the days of grace: `manage.py erase_user eve@example.com`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from accounts import selectors, services
from config.common.commands import DomainCommand


class Command(DomainCommand):
    """For requests that come by letter. What the law keeps, such as invoices and the audit log, stays under no name."""

    help = "Erase an account now. It cannot be undone."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address."""
        parser.add_argument("email", help="or the id of the account")
        parser.add_argument(
            "--dry-run", action="store_true", help="Only say what is known about the person."
        )

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Erase the account, or say whether it could be."""
        user = selectors.person_called(options["email"])
        if options["dry_run"]:
            services.deletions.rehearse(user_id=user.pk, at=at)
            for section, rows in services.archives.counts(user):
                self.stdout.write(f"{section.name}: {rows}")
            self.stdout.write(f"{user.email} can be erased; nothing was changed.")
            return
        services.deletions.erase(user_id=user.pk, at=at)
        self.stdout.write(f"{user.email} is erased; what is left is called deleted-{user.pk}-….")
