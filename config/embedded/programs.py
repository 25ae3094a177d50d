"""The programs of the embedded run and how each is started."""

import os
import sys

from django.conf import settings

from config.embedded.place import Place
from config.embedded.supervisor import Child


def web() -> Child:
    """Web, gate and WebSockets in one process."""
    return Child(
        "web",
        [
            *(sys.executable, "-m", "uvicorn", "config.asgi:application"),
            *("--http", "apikeys.gateway.protocol:GateProtocol", "--ws", "websockets-sansio"),
            # Pages have next to nothing to say.
            *("--ws-max-size", "4096"),
            *("--host", settings.BIND_ADDRESS, "--port", str(settings.PORT), "--lifespan", "on"),
            # Proxies are believed by TRUSTED_PROXIES alone, which the application reads itself.
            *("--no-proxy-headers", "--no-server-header", "--no-access-log"),
            *("--log-level", "warning", "--timeout-graceful-shutdown", "10"),
        ],
        {"PROCESS_ROLE": "web"},
    )


def worker() -> Child:
    """The Celery worker."""
    return Child(
        "worker",
        [
            *(sys.executable, "-m", "celery", "--quiet", "--app", "config", "worker"),
            *("--loglevel", "WARNING", "--concurrency", "2"),
            *("--without-gossip", "--without-mingle"),
        ],
        {"PROCESS_ROLE": "worker", **_QUIET_AS_ROOT},
    )


def beat() -> Child:
    """The clock of the periodic jobs."""
    return Child(
        "beat",
        [
            *(sys.executable, "-m", "celery", "--quiet", "--app", "config", "beat"),
            # Two beats are ruled out by the lock of the run; a file would be left behind by a crash.
            *("--loglevel", "WARNING", "--pidfile", ""),
        ],
        {"PROCESS_ROLE": "beat", **_QUIET_AS_ROOT},
    )


def outcomes(place: Place) -> Child:
    """Reads the demo API's access log, as it would read nginx's."""
    log = place.access_log
    log.touch()
    command = [sys.executable, "manage.py", "ingest_access_log", "--follow", str(log)]
    return Child("outcomes", command, {"PROCESS_ROLE": "worker"})


# Celery warns about root on every start; jobs carry JSON only, so a message cannot bring code.
_QUIET_AS_ROOT = {"PYTHONWARNINGS": "ignore::UserWarning"} if os.geteuid() == 0 else {}
