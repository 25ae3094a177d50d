"""Servers of the benchmarks' own, as durable as the embedded run's, and people whose calls are counted.

Importing this starts them and sets Django up; they stop with the process.
"""

import atexit
import os
import secrets
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from config.embedded.place import locate
from config.embedded.postgres import Postgres
from config.embedded.servers import free_port
from config.embedded.valkey import Valkey

_PASSWORD = secrets.token_hex(8)


def _start() -> Postgres:
    home = locate().data / f"bench-{os.getpid()}"
    sockets = Path(tempfile.mkdtemp(prefix="tollgate-bench-"))
    home.mkdir(parents=True)
    # What is registered first runs last: the servers stop before their data goes.
    atexit.register(shutil.rmtree, sockets, ignore_errors=True)
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    valkey = Valkey(home / "valkey", sockets, home / "valkey.log", _PASSWORD, free_port())
    postgres = Postgres(home / "postgres", sockets, home / "postgres.log", _PASSWORD, free_port())
    for server in (valkey, postgres):
        server.start()
        server.wait()
        atexit.register(server.stop)
    postgres.require_database("bench")
    os.environ |= {
        "DATABASE_URL": f"postgresql://tollgate:{_PASSWORD}@127.0.0.1:{postgres.port}/bench",
        "REDIS_URL": f"redis://:{_PASSWORD}@127.0.0.1:{valkey.port}/0",
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
    }
    return postgres


_postgres = _start()

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from apikeys.models import ApiKey  # noqa: E402
from organizations.models import Organization  # noqa: E402

call_command("migrate", verbosity=0)

ORGANIZATIONS, KEYS = 100, 1_000


def people() -> None:
    """Make organizations and keys; key k belongs to organization k mod 100."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # no triggers: they are bystanders
    Organization.objects.bulk_create(
        Organization(id=number, name=f"o{number}", slug=f"o{number}")
        for number in range(1, ORGANIZATIONS + 1)
    )
    ApiKey.objects.bulk_create(
        ApiKey(
            id=number,
            organization_id=number % ORGANIZATIONS + 1,
            name="k",
            environment="live",
            prefix="tg",
            last4="1234",
        )
        for number in range(1, KEYS + 1)
    )
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = DEFAULT")


def backend_cpu_seconds() -> float:
    """Return the processor time that this connection's PostgreSQL process has used."""
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def quietly() -> Iterator[None]:
    """Let no checkpoint or vacuum of what went before fall into a measurement."""
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
    yield


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table in Markdown."""
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print()


def median(values: Sequence[float]) -> float:
    """Return the middle value."""
    return statistics.median(values)
