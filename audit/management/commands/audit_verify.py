"""Checks the audit log: walks every hash chain and names the first entry that is not as it was written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import selectors
from config.common.commands import counted


class Command(BaseCommand):
    """`manage.py audit_verify [CHAIN …] [--against FILE]`"""

    help = (
        "Check that no entry of the audit log was edited, deleted, inserted or reordered, no tail cut off, and no seal "
        "forged. A chain is an organization's id, or 0 for the platform's own. Without any, all are checked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the chains to check."""
        parser.add_argument("chains", nargs="*", type=int, metavar="CHAIN")
        parser.add_argument(
            "--against",
            type=Path,
            metavar="FILE",
            help="seals that `audit_seals` wrote and that were kept elsewhere",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line for each fault; fail if there is one."""
        named = options["chains"]
        chains = named or selectors.chains()
        faults = [fault for chain in chains if (fault := selectors.first_fault(chain))]
        if options["against"]:
            found = {fault.chain for fault in faults}
            # A chain of which nothing is left is not among `chains`: only the file knows it.
            faults += [
                fault
                for fault in _contradictions(self._kept(options["against"]))
                if fault.chain not in found and (not named or fault.chain in named)
            ]
        for fault in faults:
            self.stdout.write(
                f"chain {fault.chain}: {fault.kind} at {fault.sequence}: {fault.detail}"
            )
        if faults:
            faulty = {fault.chain for fault in faults}
            known = faulty.union(chains)
            raise CommandError(
                f"{len(faulty)} of {len(known)} chains are not as they were written."
            )
        entries = sum(selectors.length_of(chain) for chain in chains)
        walked = counted(len(chains), "chain", "chains")
        said = counted(entries, "entry is as it was", "entries are as they were")
        self.stdout.write(f"{walked} with {said} written.")

    def _kept(self, file: Path) -> list[dict[str, Any]]:
        try:
            return [orjson.loads(line) for line in file.read_bytes().splitlines() if line.strip()]
        except (OSError, orjson.JSONDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error


def _contradictions(kept: list[dict[str, Any]]) -> Iterator[selectors.Fault]:
    for line in kept:
        try:
            fault = selectors.fault_against(line)
        except selectors.NotASeal as error:
            raise CommandError(str(error)) from error
        if fault is not None:
            yield fault
