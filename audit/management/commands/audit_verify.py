"""Checks the audit log: walks every hash chain and names the first entry that is not as it was written."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import selectors


class Command(BaseCommand):
    """`manage.py audit_verify [CHAIN …]`"""

    help = (
        "Check that no entry of the audit log was edited, deleted, inserted or reordered. "
        "A chain is an organization's id, or 0 for the platform's own. Without any, all are checked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the chains to check."""
        parser.add_argument("chains", nargs="*", type=int, metavar="CHAIN")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line per chain that has a fault; fail if there is one."""
        chains = options["chains"] or selectors.chains()
        faults = [fault for chain in chains if (fault := selectors.first_fault(chain))]
        for fault in faults:
            self.stdout.write(
                f"chain {fault.chain}: {fault.kind} at {fault.sequence}: {fault.detail}"
            )
        if faults:
            raise CommandError(
                f"{len(faults)} of {len(chains)} chains are not as they were written."
            )
        entries = sum(selectors.length_of(chain) for chain in chains)
        self.stdout.write(f"{len(chains)} chains with {entries} entries are as they were written.")
