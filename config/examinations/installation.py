"""What an installation stands on: packages, servers, jobs, addresses, the disk, mail and Django's own checks."""

import stat
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.core import checks, mail
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import OperationalError as BrokerError

from config.celery import app as celery_app
from config.common import files
from config.common import redis as connections
from config.examinations.findings import Finding
from config.schedule import SCHEDULE

_LEAST_POSTGRES = 150000
_LEAST_FREE_MEGABYTES = 500
_CLOCK_SECONDS = 2.0


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
    existing, free = files.space_under(Path(settings.MEDIA_ROOT))
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


def _clock(subject: str, theirs: float) -> Finding:
    difference = abs(theirs - time.time())
    remedy = "" if difference <= _CLOCK_SECONDS else "synchronize the clocks (NTP)"
    return Finding("clock", f"{subject} differs by {difference:.1f} s", remedy)


def _start_or(setting: str) -> str:
    what = "Tollgate (`make run`)" if settings.EMBEDDED else "the server"
    return f"start {what} or correct {setting}"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
