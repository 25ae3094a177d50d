"""Write everything we know about a person into a ZIP file: `manage.py export_user eve@example.com --output eve.zip`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import services
from accounts.management.base import person_called
from config.common import context


class Command(BaseCommand):
    """For requests that come by letter: the same file that a person can make in the portal."""

    help = "Write everything we know about a person into a ZIP file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address and where to write."""
        parser.add_argument("email", help="or the id of the account")
        parser.add_argument("--output", type=Path, help="The file to write; it must not exist.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Only say what the file would hold."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file, or say what it would hold."""
        user = person_called(options["email"])
        with context.command("export_user"):
            if options["dry_run"]:
                for section, rows in services.archives.counts(user):
                    self.stdout.write(f"{section.name}.json: {rows}")
                return
            path: Path = options["output"] or Path(f"user-{user.pk}.zip")
            if path.exists():
                raise CommandError(f"{path} exists already.")
            services.archives.write(user=user, path=path, report=lambda _percent: None)
        self.stdout.write(f"Everything about {user.email} is in {path}.")
