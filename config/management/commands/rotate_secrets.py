"""Bring all secrets at rest to the newest entry of ENCRYPTION_KEYS."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.common import context, crypto, rotation
from config.common.columns import encrypted_columns
from config.common.commands import counted

_MAX_BATCH = 100_000


class Command(BaseCommand):
    """Safe to stop, to repeat and to run while the product works."""

    help = "Encrypt all secrets at rest again with the newest of ENCRYPTION_KEYS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how to go about it."""
        parser.add_argument("--dry-run", action="store_true", help="only say what there is to do")
        parser.add_argument("--batch", type=int, default=500, help="rows per transaction (500)")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Rotate column by column, then say which keys are still needed; end with 1 if any old one is."""
        if not 1 <= options["batch"] <= _MAX_BATCH:
            raise CommandError(f"A batch has from 1 to {_MAX_BATCH:,} rows.")
        if not options["dry_run"]:
            with context.command("rotate_secrets"):
                self._rotate(options["batch"])
        is_complete = self._report()
        if not is_complete and not options["dry_run"]:
            sys.exit(1)

    def _rotate(self, batch: int) -> None:
        for column in encrypted_columns():
            done = rotation.rotate(column, batch=batch)
            unreadable = f", {done.unreadable} unreadable" if done.unreadable else ""
            self.stdout.write(f"{done.column}: {done.rotated} encrypted again{unreadable}")

    def _report(self) -> bool:
        """Say what each key still holds, and return whether the newest one holds everything."""
        newest, left = crypto.newest_key(), 0
        for column, keys in rotation.keys_in_use().items():
            for kid, count in sorted(keys.items()):
                if kid != newest:
                    left += count
                    gone = "" if kid in crypto.key_ids() else ", which is not configured"
                    self.stdout.write(f"{column}: {count} with key {kid}{gone}")
        if left:
            self.stdout.write(
                f"{counted(left, 'secret is', 'secrets are')} not held by key {newest}."
            )
            return False
        self.stdout.write(f"Key {newest} holds every secret at rest.")
        for kid in crypto.key_ids()[1:]:
            self.stdout.write(f"Key {kid} can be removed from ENCRYPTION_KEYS.")
        return True
