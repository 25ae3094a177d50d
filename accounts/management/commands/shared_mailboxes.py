"""List the accounts that share a mailbox with another one: `manage.py shared_mailboxes`."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts import selectors


class Command(BaseCommand):
    """They were opened before addresses had one spelling; nobody signs in to them by their address any more."""

    help = "List accounts that nobody signs in to, because another one has their mailbox's address."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line for each, with the account that has the address."""
        found = selectors.sharing_mailboxes()
        for user, holder in found:
            whose = (
                f"account {holder.pk} has the address {holder.email}" if holder else "nobody has it"
            )
            self.stdout.write(f"{user.pk}  {user.email}  {user.status}: {whose}")
        if not found:
            self.stdout.write("No mailbox has two accounts.")
