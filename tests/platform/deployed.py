"""An environment with which production starts, and what its checks say of another."""

import base64
import os
import subprocess
import sys

from config.embedded.place import BASE_DIR

GOOD = {
    "PUBLIC_URL": "https://tollgate.test",
    "ALLOWED_HOSTS": "tollgate.test",
    "DATABASE_URL": "postgresql://tollgate:x@127.0.0.1/tollgate",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "EMAIL_URL": "smtps://mail.example.com",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP",
    "JWT_SIGNING_KEYS": "20260101:another-0123456789abcdefghijklmnopqr",
    "ENCRYPTION_KEYS": f"1:{base64.b64encode(bytes(range(32))).decode()}",
    "KEY_PEPPERS": f"1:{bytes(range(32, 64)).hex()}",
    "OPERATOR_ALLOWLIST": "10.0.0.0/8",
}


def deploy(**changed):
    """Run the checks of a deployment in production's settings and return what is said."""
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        **GOOD,
        **changed,
    }
    check = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
    )
    return check.returncode, check.stdout + check.stderr
