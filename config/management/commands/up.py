"""Start everything: private servers, schema, demo data, web, worker and beat. Ctrl-C stops all of it."""

import logging
import signal
import sys
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from config.embedded.place import Place
from config.embedded.run import EmbeddedRun, only_one
from config.embedded.servers import EmbeddedError


class Command(BaseCommand):
    """The embedded run in one command."""

    help = "Start the embedded run: servers, migrations, demo data, web, worker and beat."
    requires_system_checks = ()
    requires_migrations_checks = False

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run until Ctrl-C or SIGTERM."""
        if not settings.EMBEDDED:
            raise CommandError(
                "up is the embedded run; in production start web, worker and beat on their own"
            )
        started_at = time.monotonic()
        for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(how, _interrupt)
        # Each line of this log begins with a name; what this process does is told by `_show`.
        logging.getLogger().setLevel(max(logging.WARNING, logging.getLogger().level))
        place: Place = settings.PLACE
        try:
            with only_one(place):
                self._run(EmbeddedRun(place, self._show), started_at)
        except KeyboardInterrupt:
            self._show("up", "stopped")
        except EmbeddedError as error:
            sys.exit(f"tollgate: {error}")
        except DatabaseError as error:
            sys.exit(f"tollgate: the database refuses: {str(error).splitlines()[0]}")
        except OSError as error:
            sys.exit(f"tollgate: {error.strerror}: {error.filename or place.local}")

    def _run(self, run: EmbeddedRun, started_at: float) -> None:
        try:
            run.start()
            self.stdout.write(_greeting(place=run.place, seconds=time.monotonic() - started_at))
            self.stdout.flush()
            run.watch()
        finally:
            # A second Ctrl-C must not leave half of the programs running.
            for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(how, signal.SIG_IGN)
            run.stop()

    def _show(self, name: str, line: str) -> None:
        self.stdout.write(f"{name:<8} | {line}")
        self.stdout.flush()


def _interrupt(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _greeting(*, place: Place, seconds: float) -> str:
    url = settings.PUBLIC_URL
    key = place.recall("demo.env").get("DEMO_API_KEY", "")
    kept = f"its data stays in {place.data}" if settings.RUNS_OWN_DATABASE else "its data stays"
    lines = [
        "",
        f"  Tollgate is ready after {seconds:.1f} s. Ctrl-C stops it; {kept}.",
        "",
        f"  Portal      {url}/",
        f"  Admin       {url}/admin/     (staff@demo.test, who sets a second factor up first)",
        f"  API docs    {url}/docs/",
        f"  Mail        {place.local / 'mail'}",
        "",
    ]
    if key:
        lines += [
            "  Sign in     owner@demo.test (or admin@, member@, viewer@, stranger@, staff@demo.test)",
            f"  Password    {settings.DEMO_PASSWORD}",
            "",
            "  A first call, let through and metered; a few more and the limit answers 429:",
            "",
            f'    curl -i -H "Authorization: Bearer {key}" {url}/demo/hello',
            "",
        ]
    return "\n".join(lines)
