"""The one table of periodic jobs. `manage.py sync_schedule` writes it to django-celery-beat, where staff can switch jobs off."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """A job by its registered name, how often it rings, and why."""

    task: str
    every: timedelta
    purpose: str


# Sweeps look for rows whose lease ran out: they are what makes a lost message harmless.
SCHEDULE = (
    PeriodicJob("analytics.ingest", timedelta(seconds=1), "Move metered calls into the database."),
    PeriodicJob(
        "analytics.maintain_partitions",
        timedelta(hours=6),
        "Make the partitions of the days to come; drop those past their retention.",
    ),
    PeriodicJob("mail.sweep", timedelta(seconds=10), "Send mail that a lost job left behind."),
    PeriodicJob("mail.purge", timedelta(days=1), "Delete mail of more than 90 days ago."),
    PeriodicJob(
        "idempotency.prune",
        timedelta(hours=1),
        "Delete recorded answers of more than 24 hours ago.",
    ),
    PeriodicJob(
        "accounts.purge_expired",
        timedelta(days=1),
        "Delete old links, ended sessions, expired cookies, read notices, counts of tries and stray files.",
    ),
    PeriodicJob(
        "accounts.sweep_exports",
        timedelta(seconds=30),
        "Make the copies of personal data that are owed; delete those past their seven days.",
    ),
    PeriodicJob(
        "accounts.lift_suspensions",
        timedelta(minutes=1),
        "Let in again whose suspension is over.",
    ),
    PeriodicJob(
        "accounts.sweep_broadcasts",
        timedelta(seconds=30),
        "Send on the broadcasts whose worker died.",
    ),
    PeriodicJob(
        "accounts.delete_due",
        timedelta(hours=1),
        "Remind people whose account will be deleted, and erase those whose days are over.",
    ),
    PeriodicJob(
        "audit.maintain_months",
        timedelta(hours=6),
        "Make the months of the audit log to come; drop those past their retention.",
    ),
    PeriodicJob(
        "audit.seal_chains",
        timedelta(days=1),
        "Sign where every chain of the audit log stands.",
    ),
    PeriodicJob(
        "organizations.expire_invitations",
        timedelta(hours=1),
        "Close invitations that nobody answered within seven days.",
    ),
    PeriodicJob(
        "audit.purge_security_events",
        timedelta(days=1),
        "Delete security events past their retention.",
    ),
    PeriodicJob(
        "webhooks.sweep",
        timedelta(seconds=3),
        "Send webhooks that are due, retries and what a lost job left behind.",
    ),
    PeriodicJob(
        "webhooks.run_conformance",
        timedelta(seconds=20),
        "Do the conformance runs of webhooks that a lost job left behind.",
    ),
    PeriodicJob(
        "webhooks.prune",
        timedelta(hours=6),
        "Delete webhook messages and their log past their plan's retention.",
    ),
    PeriodicJob(
        "apikeys.prune_secrets",
        timedelta(days=1),
        "Delete digests of secrets that stopped working 30 days ago.",
    ),
    PeriodicJob(
        "apikeys.settle_returns",
        timedelta(minutes=1),
        "Give units of calls that turned out not to count back to quotas, where that was interrupted.",
    ),
    PeriodicJob(
        "apikeys.tell_of_outdated",
        timedelta(days=1),
        "Tell owners of keys that have grown older than their security policy allows.",
    ),
)
