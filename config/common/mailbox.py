"""Mail as files: `EMAIL_URL=file:///var/mail/tollgate` writes each message as one `.eml` that people and mail programs read."""

import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9@.+_-]")


class FileBackend(BaseEmailBackend):
    """Writes into EMAIL_FILE_PATH, readable by the owner only: the messages hold links that are secrets."""

    def __init__(self, *, file_path: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.directory = Path(file_path or str(settings.EMAIL_FILE_PATH))

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write each message under a name that sorts by time; a reader never sees half of one."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            self._write(message)
        return len(email_messages)

    def _write(self, message: EmailMessage) -> None:
        recipient = _NOT_IN_NAMES.sub("_", message.to[0])[:80] if message.to else "nobody"
        name = f"{timezone.now():%Y%m%dT%H%M%S.%f}-{secrets.token_hex(3)}-{recipient}"
        unfinished, finished = self.directory / f".{name}", self.directory / f"{name}.eml"
        unfinished.touch(mode=0o600, exist_ok=False)
        unfinished.write_bytes(message.message().as_bytes())
        unfinished.rename(finished)
