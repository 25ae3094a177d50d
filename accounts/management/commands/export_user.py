"""Write everything we know about a person into a ZIP file: `manage.py export_user eve@example.com --output eve.zip`."""

from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import selectors, services
from config.common.commands import DomainCommand


class Command(DomainCommand):
    """For requests that come by letter: the same file that a person can make in the portal."""

    help = "Write everything we know about a person into a ZIP file."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address and where to write."""
        parser.add_argument("email", help="or the id of the account")
        parser.add_argument("--output", type=Path, help="The file to write; it must not exist.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Only say what the file would hold."
        )

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Write the file, or say what it would hold."""
        user = selectors.person_called(options["email"])
        if options["dry_run"]:
            for section, rows in services.archives.counts(user):
                self.stdout.write(f"{section.name}.json: {rows}")
            return
        path: Path = options["output"] or Path(f"user-{user.pk}.zip")
        try:
            if path.exists():
                raise CommandError(f"{path} exists already.")
            services.archives.write(user=user, path=path, report=lambda _percent: None)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
        self.stdout.write(f"Everything about {user.email} is in {path}.")
