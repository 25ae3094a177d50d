"""Sign tokens with a new key from now on, without signing anyone out."""

import secrets
from argparse import ArgumentParser
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts.tokens import REFRESH_LIFETIME
from config.common import keyring

_SETTING = "JWT_SIGNING_KEYS"
# A day more than the longest token lives: ids hold days, not hours.
_KEPT_FOR = REFRESH_LIFETIME + timedelta(days=1)


class Command(BaseCommand):
    """The embedded run keeps its secrets itself; elsewhere the new lists are printed for whoever keeps them."""

    help = f"Make a new key for access and refresh tokens and put it into {_SETTING}."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer to remove what has expired and nothing else."""
        parser.add_argument(
            "--only-remove", action="store_true", help="make no new key; remove those that may go"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Make the key and say, or do, what follows."""
        today = timezone.now().date()
        present = list(settings.JWT_SIGNING_KEYS)
        gone = keyring.expired(present, on=today, after=_KEPT_FOR)
        kept = keyring.without(present, gone)
        for kid in gone:
            self.stdout.write(f"Key {kid} has signed nothing that is still good: it goes.")
        new = [] if options["only_remove"] else [_new_key(keyring.ids_of(present), today)]
        if settings.EMBEDDED:
            self._keep([*new, *kept])
        else:
            self._explain(new, kept, today)

    def _keep(self, entries: list[str]) -> None:
        settings.PLACE.replace_secrets({_SETTING: ",".join(entries)})
        self.stdout.write(f"{settings.PLACE.secrets_file} is written: {_ids(entries)}.")
        self.stdout.write("It holds from the next start of manage.py up on; nobody is signed out.")

    def _explain(self, new: list[str], kept: list[str], today: date) -> None:
        if not new:
            self.stdout.write(f"{_SETTING}={','.join(kept)}")
            return
        day = today + _KEPT_FOR
        self.stdout.write(
            "1. Give this to every program and restart them, one after the other if you like; the new\n"
            f"   key is accepted, but does not sign yet:\n{_SETTING}={','.join([*kept, *new])}\n"
            "2. When all of them have it, give them this; the new key signs:\n"
            f"{_SETTING}={','.join([*new, *kept])}\n"
            f"3. From {day} on, when no token of the old key {_ids(kept)} is good any more, if step 2\n"
            f"   was done today:\n{_SETTING}={','.join(new)}"
        )


def _new_key(taken: list[str], today: date) -> str:
    return f"{keyring.new_id(taken, on=today)}:{secrets.token_urlsafe(48)}"


def _ids(entries: list[str]) -> str:
    return ", ".join(keyring.ids_of(entries))
