"""Programs as the settings let them start, or stop them with one line."""

import os
import re
import subprocess
import sys

from config.embedded.place import BASE_DIR
from config.settings.env import env as real_env
from tests.platform.deployed import deploy


def test_example_file_names_every_setting_and_no_other():
    text = (BASE_DIR / ".env.example").read_text(encoding="utf-8")
    named = re.findall(r"^([A-Z][A-Z0-9_]*)=", text, re.MULTILINE)

    assert sorted(named) == sorted(
        {*real_env.known, "ADMIN_PASSWORD", "LOCAL_DIR", "DJANGO_SETTINGS_MODULE"}
    )


def test_a_web_process_has_a_pool_whatever_is_set_for_all_programs():
    code = "import config.wsgi as w; print('pool' in w.settings.DATABASES['default']['OPTIONS'])"
    environment = {**os.environ, "PROCESS_ROLE": "command"}
    start = subprocess.run(
        [sys.executable, "-c", code], cwd=BASE_DIR, env=environment, capture_output=True, text=True
    )

    assert (start.stdout, start.returncode) == ("True\n", 0)


def test_production_does_not_start_without_its_secrets():
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
    }
    start = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert start.returncode == 1
    assert start.stdout == ""
    assert start.stderr.count("\n") == 1
    missing = re.findall(r"(\w+) is not set", start.stderr)
    assert sorted(missing) == [
        "ALLOWED_HOSTS",
        "DATABASE_URL",
        "EMAIL_URL",
        "ENCRYPTION_KEYS",
        "JWT_SIGNING_KEYS",
        "KEY_PEPPERS",
        "PUBLIC_URL",
        "REDIS_URL",
        "SECRET_KEY",
    ]


def test_a_good_deployment_passes_every_check():
    status, said = deploy()

    assert (status, said) == (0, "System check identified no issues (2 silenced).\n")


def test_an_unsafe_deployment_does_not_start():
    status, said = deploy(
        PUBLIC_URL="http://tollgate.test",
        ALLOWED_HOSTS="*",
        SECRET_KEY="short",
        EMAIL_URL="console:",
        KEY_PEPPERS=f"v1:{bytes(range(32)).hex()}",
    )

    assert status == 1
    assert said == (
        "tollgate: KEY_PEPPERS needs numbers up to 32767 as ids: they are stored beside each digest; "
        "PUBLIC_URL must begin with https: passwords and cookies travel to it; "
        "ALLOWED_HOSTS must name the hosts: with * anyone chooses them; "
        "SECRET_KEY must have at least 50 characters; "
        "EMAIL_URL must lead to a mail server or to files: this one shows or loses mail\n"
    )
