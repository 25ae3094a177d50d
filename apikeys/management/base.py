"""The base of the key commands: the audit log names the command, and a refusal is one line."""

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from config.common import context
from config.common.errors import DomainError


class KeyCommand(BaseCommand, ABC):
    """A command whose subclass does its one act in `act`."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Act as the command of this name."""
        name = type(self).__module__.rpartition(".")[2]
        try:
            with context.command(name):
                self.act(options, timezone.now())
        except DomainError as error:
            faults = [
                f"{fault.pointer}: {fault.message} {fault.fix}".strip() for fault in error.errors
            ]
            raise CommandError("\n".join([error.detail, *faults])) from None

    @abstractmethod
    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Do what the command is for."""

    def reveal(self, note: str, secret: str) -> None:
        """Print the secret alone on standard output, so that it can be caught, and the note beside it."""
        self.stderr.write(f"{note} The secret is shown this once:")
        self.stdout.write(secret)


def end_in(days: int | None, at: datetime) -> datetime | None:
    """Return the moment so many days ahead; None when no days are given."""
    return None if days is None else at + timedelta(days=days)
