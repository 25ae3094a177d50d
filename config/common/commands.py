"""The base of the commands that act on the domain: the audit log names the command, and a refusal is told in lines."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError
from django.utils import timezone
from psycopg.errors import UniqueViolation

from config.common import context
from config.common.errors import DomainError


class DomainCommand(BaseCommand, ABC):
    """A command whose subclass does its one act in `act`."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Act as the command of this name. Raises CommandError for what the domain refuses."""
        _require_text(options)
        name = type(self).__module__.rpartition(".")[2]
        try:
            with context.command(name):
                self.act(options, timezone.now())
        except DomainError as error:
            raise CommandError("\n".join(_lines(error))) from None
        except IntegrityError as error:
            if not isinstance(error.__cause__, UniqueViolation):
                raise
            raise CommandError(
                "Somebody else made the same at the same time: nothing was changed."
            ) from None

    @abstractmethod
    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Do what the command is for."""


def _require_text(options: Mapping[str, Any]) -> None:
    """Raise CommandError for an argument whose bytes are no UTF-8: the database holds text only."""
    for name, value in options.items():
        for text in value if isinstance(value, list) else [value]:
            try:
                str(text).encode()
            except UnicodeEncodeError:
                raise CommandError(f"What is given as {name} is not text in UTF-8.") from None


def counted(count: int, one: str, many: str) -> str:
    """Write a number with what it counts: `1 key is`, `2 keys are`."""
    return f"{count} {one if count == 1 else many}"


def _lines(error: DomainError) -> list[str]:
    told = [(fault.pointer, fault.told(after=error.detail)) for fault in error.errors]
    return [error.detail, *(f"{pointer}: {text}" for pointer, text in told if text)]
