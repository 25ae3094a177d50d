"""Open the account of a SUPER_ADMIN: `manage.py create_admin ada@example.com`."""

import getpass
import os
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.core.validators import validate_email

from accounts import services
from config.common.commands import DomainCommand

VARIABLE = "ADMIN_PASSWORD"


class Command(DomainCommand):
    """Asks for the password twice, or takes it from ADMIN_PASSWORD where nobody can be asked."""

    help = f"Open the account of a SUPER_ADMIN. The password comes from {VARIABLE} or is asked for."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address and the name."""
        parser.add_argument("email")
        parser.add_argument("--full-name", default="")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Open the account."""
        try:
            validate_email(options["email"])
        except ValidationError:
            raise CommandError(f"{options['email']} is not an e-mail address.") from None
        password = os.environ.get(VARIABLE) or _ask()
        user = services.staff.create_admin(
            email=options["email"], password=password, full_name=options["full_name"]
        )
        self.stdout.write(f"{user.email} is a super admin.")
        self.stdout.write(
            "Sign in at /login/ and set a second factor up: the back office asks for it."
        )


def _ask() -> str:
    try:
        password, again = getpass.getpass("Password: "), getpass.getpass("The same again: ")
    except EOFError:
        raise CommandError(f"Nobody is there to be asked for a password: set {VARIABLE}.") from None
    if password != again:
        raise CommandError("The two passwords differ.")
    return password
