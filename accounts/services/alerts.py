"""Mails that tell people what was done to their own account, and from where."""

from typing import Any

from accounts.models import User
from config.common import context, mail


def send(kind: str, *, to: User, **values: Any) -> None:
    """Owe a person the mail of this kind, with the address and the program of whoever acts now."""
    here = context.current()
    known = {"user": to, "ip": here.ip, "user_agent": here.user_agent}
    mail.send(kind, to=to.email, values={**known, **values})
