"""The base of the webhook commands: the audit log names the command, and a refusal is one line."""

import re
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from config.common import context
from config.common.errors import DomainError
from webhooks import selectors
from webhooks.models import Webhook

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class WebhookCommand(BaseCommand, ABC):
    """A command whose subclass does its one act in `act`."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Act as the command of this name."""
        name = type(self).__module__.rpartition(".")[2]
        try:
            with context.command(name):
                self.act(options, timezone.now())
        except DomainError as error:
            faults = [f"{fault.message} {fault.fix}".strip() for fault in error.errors]
            raise CommandError("\n".join([error.detail, *faults])) from None

    @abstractmethod
    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Do what the command is for."""


def moment(text: str, at: datetime) -> datetime:
    """Read a time such as 2026-03-01T12:00Z, or how long ago it was, such as 90m, 6h or 2d."""
    span = _SPAN.fullmatch(text)
    try:
        found = _ago(at, span) if span else parse_datetime(text)
    except (ValueError, OverflowError):
        found = None
    if found is None or found.tzinfo is None:
        raise CommandError(
            f"{text!r} is no time. Write 2026-03-01T12:00Z, or how long ago: 90m, 6h, 2d."
        )
    return found


def _ago(at: datetime, span: re.Match[str]) -> datetime:
    return at - timedelta(**{_UNITS[span[2]]: int(span[1])})


def webhook_called(webhook_id: int) -> Webhook:
    """Return the endpoint with this id."""
    webhook = selectors.webhooks().filter(pk=webhook_id).first()
    if webhook is None:
        raise CommandError(f"There is no webhook {webhook_id}.")
    return webhook
