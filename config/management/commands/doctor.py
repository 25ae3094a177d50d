"""Say what is wrong with this installation and how to fix it."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

from django.core.management.base import BaseCommand

from config.examinations import installation, keys, payments
from config.examinations.findings import Finding

EXAMINATIONS: tuple[Callable[[], Iterator[Finding]], ...] = (
    installation.packages,
    installation.addresses,
    installation.disk,
    installation.database,
    installation.redis_server,
    installation.jobs,
    installation.mail_server,
    keys.encryption_keys,
    keys.peppers,
    keys.signing_keys,
    keys.seal_keys,
    keys.own_keys,
    payments.payment_providers,
    installation.system_checks,
)


class Command(BaseCommand):
    """Looks at everything an installation needs; nothing is changed."""

    help = "Say what is wrong with this installation and how to fix it. Changes nothing."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print one line per finding and end with 1 if something is wrong."""
        findings = [finding for examine in EXAMINATIONS for finding in examine()]
        for finding in findings:
            mark = "WRONG" if finding.remedy else "ok"
            self.stdout.write(f"{mark:<6} {finding.subject:<11} {finding.state}")
            if finding.remedy:
                self.stdout.write(f"{'':<18} → {finding.remedy}")
        wrong = sum(bool(finding.remedy) for finding in findings)
        self.stdout.write(f"\n{wrong} of {len(findings)} findings need attention.")
        if wrong:
            sys.exit(1)
