"""Say what is wrong with this installation and how to fix it."""

import shutil
import stat
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.core import checks, mail
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Q
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import OperationalError as BrokerError

from accounts.tokens import REFRESH_LIFETIME
from apikeys.models import Secret
from audit import signing
from audit.models import AuditSeal
from config.celery import app as celery_app
from config.common import crypto, keyring, rotation
from config.common import redis as connections
from config.management.findings import Finding
from config.management.payments import payment_providers
from config.schedule import SCHEDULE

_LEAST_POSTGRES = 150000
_LEAST_FREE_MEGABYTES = 500
_CLOCK_SECONDS = 2.0


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


def packages() -> Iterator[Finding]:
    """Compare what is installed with what is pinned."""
    pins = settings.BASE_DIR / "requirements" / "base.in"
    wrong = []
    for line in pins.read_text(encoding="utf-8").splitlines():
        requirement = line.partition("#")[0].strip()
        name, _, pinned = requirement.partition("==")
        if pinned and _installed(name.partition("[")[0]) != pinned:
            wrong.append(requirement)
    version = sys.version.partition(" ")[0]
    if wrong:
        yield Finding("packages", f"not as pinned: {', '.join(wrong)}", "run `make run` again")
    else:
        yield Finding("packages", f"Python {version}; all as pinned")


def database() -> Iterator[Finding]:
    """Reach PostgreSQL and look at its version, its clock and its tables."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version'), current_setting('server_version_num')::int,"
                " extract(epoch FROM clock_timestamp())"
            )
            name, number, clock = cursor.fetchone()
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        reason = str(error).splitlines()[0]
        yield Finding("database", reason, _start_or("DATABASE_URL"))
        return
    remedy = "" if number >= _LEAST_POSTGRES else "PostgreSQL 15 or newer is needed"
    yield Finding("database", f"PostgreSQL {name}", remedy)
    yield _clock("database", float(clock))
    if pending:
        yield Finding("tables", f"{len(pending)} migrations wait", "run manage.py migrate")
    else:
        yield Finding("tables", "all migrations are applied")


def redis_server() -> Iterator[Finding]:
    """Reach Redis or Valkey and look at what it would do with our data when its memory is full."""
    try:
        client = connections.client()
        about = client.info()
        seconds, microseconds = client.time()
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "unknown")
    except redis.RedisError as error:
        yield Finding("redis", str(error), _start_or("REDIS_URL"))
        return
    name = "Valkey" if "valkey_version" in about else "Redis"
    version = about.get("valkey_version") or about["redis_version"]
    is_safe = policy in {"noeviction", "unknown"}
    remedy = "" if is_safe else f"set maxmemory-policy noeviction; {policy} drops limits and jobs"
    yield Finding("redis", f"{name} {version}, {policy}", remedy)
    yield _clock("redis", seconds + microseconds / 1_000_000)


def jobs() -> Iterator[Finding]:
    """Ask for workers, and compare beat's table with the schedule."""
    yield _workers()
    yield _schedule()


def _workers() -> Finding:
    try:
        workers = celery_app.control.ping(timeout=1.0)
    except (OSError, redis.RedisError, BrokerError) as error:
        return Finding("worker", str(error), _start_or("REDIS_URL"))
    if not workers:
        return Finding("worker", "none answers", "start one: celery --app config worker")
    return Finding("worker", f"{len(workers)} answered")


def _schedule() -> Finding:
    try:
        rows = dict(PeriodicTask.objects.values_list("name", "enabled"))
    except DatabaseError:
        return Finding("schedule", "cannot be read", "fix the database first")
    absent = [job.task for job in SCHEDULE if job.task not in rows]
    if absent:
        return Finding("schedule", f"without {', '.join(absent)}", "run manage.py sync_schedule")
    off = [job.task for job in SCHEDULE if not rows[job.task]]
    if off:
        return Finding("schedule", f"switched off: {', '.join(off)}", "switch them on in the admin")
    return Finding("schedule", f"{len(SCHEDULE)} jobs")


def addresses() -> Iterator[Finding]:
    """Look whether the public address fits the hosts that are answered."""
    parts = urlsplit(settings.PUBLIC_URL)
    hosts = settings.ALLOWED_HOSTS
    is_allowed = any(
        host in {"*", parts.hostname} or (host[0] == "." and f".{parts.hostname}".endswith(host))
        for host in hosts
    )
    remedy = "" if is_allowed else f"add {parts.hostname} to ALLOWED_HOSTS"
    if not settings.EMBEDDED and parts.scheme != "https":
        remedy = "serve it over https and set PUBLIC_URL accordingly"
    yield Finding("address", settings.PUBLIC_URL, remedy)


def disk() -> Iterator[Finding]:
    """Look for space, and for secrets that others may read."""
    root = Path(settings.MEDIA_ROOT)
    existing = next(parent for parent in (root, *root.parents) if parent.exists())
    free = shutil.disk_usage(existing).free // (1024 * 1024)
    remedy = "" if free >= _LEAST_FREE_MEGABYTES else "make room"
    yield Finding("disk", f"{free} MB free under {existing}", remedy)
    if settings.EMBEDDED:
        secrets = settings.PLACE.secrets_file
        is_private = not secrets.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        remedy = "" if is_private else f"run chmod 600 {secrets}"
        yield Finding("secrets", str(secrets), remedy)


def mail_server() -> Iterator[Finding]:
    """Open a connection to the mail server, if there is one."""
    name = str(settings.EMAIL_BACKEND).split(".")[-2]
    if name != "smtp":
        yield Finding("mail", name)
        return
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with mail.get_connection():
            yield Finding("mail", server)
    except OSError as error:
        yield Finding("mail", f"{server}: {error}", "correct EMAIL_URL or start the mail server")


def system_checks() -> Iterator[Finding]:
    """Run Django's checks, those of a deployment included where it is one."""
    issues = [
        issue
        for issue in checks.run_checks(include_deployment_checks=not settings.EMBEDDED)
        if issue.level >= checks.WARNING and not issue.is_silenced()
    ]
    for issue in issues:
        yield Finding("check", f"{issue.id}: {issue.msg}", str(issue.hint or "see its message"))
    if not issues:
        yield Finding("checks", "no issue")


def encryption_keys() -> Iterator[Finding]:
    """Look which of ENCRYPTION_KEYS the secrets at rest need."""
    try:
        held = sum(rotation.keys_in_use().values(), Counter[str]())
    except DatabaseError:
        yield Finding("encryption", "cannot be read", "fix the database first")
        return
    newest, *older = crypto.key_ids()
    lost = sorted(held.keys() - {newest, *older})
    yield _key_finding("encryption", lost, "ENCRYPTION_KEYS") or Finding(
        "encryption", f"key {newest} holds {held[newest]} secrets"
    )
    for kid in older:
        if held[kid]:
            remedy = "run manage.py rotate_secrets"
            yield Finding("encryption", f"old key {kid} still holds {held[kid]} secrets", remedy)
        else:
            yield Finding("encryption", f"key {kid} can be removed from ENCRYPTION_KEYS")


def peppers() -> Iterator[Finding]:
    """Look which of KEY_PEPPERS the digests of API and service keys need."""
    now = timezone.now()
    good = (
        Q(expires_at=None) | Q(expires_at__gt=now),
        Q(api_key__revoked_at=None, service_key__revoked_at=None),
    )
    try:
        rows = Secret.objects.filter(*good).values_list("pepper_version").annotate(Count("pk"))
        used = {str(version): count for version, count in rows}
    except DatabaseError:
        yield Finding("peppers", "cannot be read", "fix the database first")
        return
    ids = keyring.ids_of(settings.KEY_PEPPERS)
    lost = sorted(used.keys() - set(ids))
    yield _key_finding("peppers", lost, "KEY_PEPPERS") or Finding(
        "peppers", f"pepper {ids[0]} serves {used.get(ids[0], 0)} key secrets"
    )
    for kid in ids[1:]:
        state = (
            f"pepper {kid} serves {used[kid]} key secrets until they are rotated"
            if kid in used
            else f"pepper {kid} can be removed from KEY_PEPPERS"
        )
        yield Finding("peppers", state)


def signing_keys() -> Iterator[Finding]:
    """Look which of JWT_SIGNING_KEYS no token that is still good was signed with."""
    entries, today = list(settings.JWT_SIGNING_KEYS), timezone.now().date()
    kept_for = REFRESH_LIFETIME + timedelta(days=1)
    gone = keyring.expired(entries, on=today, after=kept_for)
    yield Finding("signing", f"key {keyring.ids_of(entries)[0]} signs tokens")
    for kid in gone:
        yield Finding("signing", f"key {kid} can be removed from JWT_SIGNING_KEYS")


def seal_keys() -> Iterator[Finding]:
    """Look which of AUDIT_SIGNING_KEYS the seals of the audit log need."""
    try:
        kept = dict(AuditSeal.objects.values_list("key_id").annotate(Count("pk")))
    except DatabaseError:
        yield Finding("seals", "cannot be read", "fix the database first")
        return
    newest, *older = signing.key_ids()
    lost = sorted(kept.keys() - {newest, *older})
    derived = [kid for kid in lost if signing.is_derived(kid)]
    named = [kid for kid in lost if kid not in derived]
    if finding := _key_finding("seals", named, "AUDIT_SIGNING_KEYS"):
        yield finding
    if derived:
        state = f"{sum(kept[kid] for kid in derived)} were signed under an earlier SECRET_KEY"
        yield Finding("seals", state, "put that value into SECRET_KEY_FALLBACKS")
    if not lost:
        yield Finding(
            "seals", f"key {newest} signs; it made {kept.get(newest, 0)} of the seals kept"
        )
    for kid in older:
        if kid not in kept and not signing.is_derived(kid):
            yield Finding("seals", f"key {kid} can be removed from AUDIT_SIGNING_KEYS")


def own_keys() -> Iterator[Finding]:
    """Look which keys are derived from SECRET_KEY, and would change with it."""
    for name in ("GATEWAY_SIGNING_KEYS", "AUDIT_SIGNING_KEYS"):
        if not getattr(settings, name):
            state = f"{name} is not set: derived from SECRET_KEY, it changes with that"
            yield Finding("derived", state)
    if settings.SECRET_KEY_FALLBACKS:
        count = len(settings.SECRET_KEY_FALLBACKS)
        yield Finding("fallbacks", f"{count} earlier SECRET_KEY still accepted")


def _key_finding(subject: str, lost: list[str], setting: str) -> Finding | None:
    if not lost:
        return None
    names = ", ".join(lost)
    return Finding(subject, f"needs {names}, not configured", f"put {names} back into {setting}")


EXAMINATIONS: tuple[Callable[[], Iterator[Finding]], ...] = (
    packages,
    addresses,
    disk,
    database,
    redis_server,
    jobs,
    mail_server,
    encryption_keys,
    peppers,
    signing_keys,
    seal_keys,
    own_keys,
    payment_providers,
    system_checks,
)


def _clock(subject: str, theirs: float) -> Finding:
    difference = abs(theirs - time.time())
    remedy = "" if difference <= _CLOCK_SECONDS else "synchronize the clocks (NTP)"
    return Finding("clock", f"{subject} differs by {difference:.1f} s", remedy)


def _start_or(setting: str) -> str:
    return (
        f"start Tollgate (`make run`) or correct {setting}"
        if settings.EMBEDDED
        else (f"start the server or correct {setting}")
    )


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
