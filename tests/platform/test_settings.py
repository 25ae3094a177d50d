"""The settings reader: missing, malformed and misspelt settings stop the start and are named."""

import base64
import os
import re
import subprocess
import sys

import pytest

from config.embedded.place import BASE_DIR
from config.settings.env import (
    Environment,
    SettingError,
    broker,
    database,
    is_dsn,
    is_misspelling,
    is_small_number,
    mail,
)
from config.settings.env import env as real_env


def problem_of(environment: Environment) -> str:
    with pytest.raises(SettingError) as stopped:
        environment.check()
    return str(stopped.value)


def test_missing_setting_is_named():
    environment = Environment({})
    environment.text("SECRET_KEY")

    assert problem_of(environment) == "tollgate: SECRET_KEY is not set (see .env.example)"


def test_all_problems_come_in_one_line():
    environment = Environment({"WEB_THREADS": "many"})
    environment.text("SECRET_KEY")
    environment.integer("WEB_THREADS", 8, at_least=1)

    assert problem_of(environment) == (
        "tollgate: SECRET_KEY is not set (see .env.example); "
        "WEB_THREADS is malformed: expected a whole number of at least 1"
    )


def test_a_number_has_a_least_value():
    environment = Environment({"PORT": "1", "WEB_THREADS": "0"})

    assert environment.integer("PORT", 8000, at_least=1) == 1
    assert environment.integer("WEB_THREADS", 8, at_least=1) == 8
    assert environment.integer("DATABASE_POOL_SIZE", 12, at_least=1) == 12
    assert problem_of(environment) == (
        "tollgate: WEB_THREADS is malformed: expected a whole number of at least 1"
    )


@pytest.mark.parametrize("value", ["65536", "9" * 30, "9" * 5_000, "1e3", "NaN"])
def test_a_number_has_a_greatest_value(value):
    environment = Environment({"PORT": value, "DATABASE_POOL_SIZE": "2147483648"})

    assert environment.integer("PORT", 8000, at_least=1, at_most=65_535) == 8000
    assert environment.integer("DATABASE_POOL_SIZE", 12, at_least=1) == 12
    assert problem_of(environment) == (
        "tollgate: PORT is malformed: expected a whole number from 1 to 65535; "
        "DATABASE_POOL_SIZE is malformed: expected a whole number of at least 1"
    )


@pytest.mark.parametrize("value", ["Ada\nBcc: eve@example.com", "Ada\u200b", "\udcff"])
def test_what_people_are_shown_can_be_read(value):
    environment = Environment({"EMAIL_FROM": value})
    environment.line("EMAIL_FROM", "Tollgate")

    assert problem_of(environment) == (
        "tollgate: EMAIL_FROM holds what cannot be read, such as a line break"
    )


def test_empty_value_counts_as_unset():
    assert Environment({"LOG_LEVEL": ""}).text("LOG_LEVEL", "INFO") == "INFO"


def test_assumed_value_gives_way_to_the_environment():
    environment = Environment({"PUBLIC_URL": "https://one.example"})
    environment.assume({"PUBLIC_URL": "http://two.example", "EMAIL_URL": "memory:"})

    assert environment.text("PUBLIC_URL") == "https://one.example"
    assert environment.text("EMAIL_URL") == "memory:"


@pytest.mark.parametrize("written", ["DATABSE_URL", "DATABASE_URI", "DATABASEURL", "database_url"])
def test_misspelt_name_is_noticed(written):
    environment = Environment({written: "postgresql:///x"})
    environment.text("DATABASE_URL", "")

    assert problem_of(environment) == f"tollgate: {written} looks like DATABASE_URL misspelt"


def test_misspelt_file_name_is_noticed():
    environment = Environment({"SECRET_KYE_FILE": "/run/secrets/key"})
    environment.text("SECRET_KEY", "")

    assert problem_of(environment) == "tollgate: SECRET_KYE_FILE looks like SECRET_KEY misspelt"


def test_neighbor_of_a_setting_that_is_set_is_somebody_elses():
    environment = Environment({"REDIS_URL": "redis://one", "REDIS_URI": "redis://one"})
    environment.text("REDIS_URL")

    environment.check()


@pytest.mark.parametrize("foreign", ["PATH", "POST", "HOME", "EMAIL", "HOSTNAME", "PROJECT_NAME"])
def test_other_programs_variables_are_left_alone(foreign):
    known = sorted(real_env.known)

    assert not [name for name in known if is_misspelling(foreign, name)]


def test_secret_is_read_from_its_file(tmp_path):
    (tmp_path / "key").write_text("from-a-file\n")
    environment = Environment({"SECRET_KEY_FILE": str(tmp_path / "key")})

    assert environment.text("SECRET_KEY") == "from-a-file"
    assert environment.is_set("SECRET_KEY")


def test_unreadable_file_is_named(tmp_path):
    environment = Environment({"SECRET_KEY_FILE": str(tmp_path / "absent")})
    environment.text("SECRET_KEY", "")

    assert problem_of(environment) == (
        f"tollgate: SECRET_KEY_FILE cannot be read from {tmp_path}/absent: No such file or directory"
    )


def test_value_and_file_together_are_refused(tmp_path):
    (tmp_path / "key").write_text("one")
    environment = Environment({"SECRET_KEY": "two", "SECRET_KEY_FILE": str(tmp_path / "key")})
    environment.text("SECRET_KEY")

    assert problem_of(environment) == "tollgate: SECRET_KEY and SECRET_KEY_FILE are both set"


def test_malformed_secret_is_not_repeated():
    environment = Environment({"KEY_PEPPERS": "1:hunter2"})
    environment.keys("KEY_PEPPERS", encoding="hex", at_least=32)

    assert problem_of(environment) == (
        "tollgate: KEY_PEPPERS is malformed: expected id:value pairs, comma-separated, "
        "each value hex of at least 32 bytes"
    )


def test_key_id_used_twice_is_refused():
    environment = Environment({"KEY_PEPPERS": f"1:{'ab' * 32},1:{'cd' * 32}"})
    environment.keys("KEY_PEPPERS", encoding="hex", at_least=32)

    assert problem_of(environment) == "tollgate: KEY_PEPPERS uses an id twice"


@pytest.mark.parametrize(
    ("value", "networks"),
    [
        ("", []),
        ("10.0.0.0/8", ["10.0.0.0/8"]),
        ("10.1.2.3/8, ::1", ["10.0.0.0/8", "::1/128"]),
    ],
)
def test_networks_are_normalized(value, networks):
    assert Environment({"TRUSTED_PROXIES": value}).networks("TRUSTED_PROXIES") == networks


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("networks", "10.0.0.0/40"),
        ("origins", "https://app.example.com/path"),
        ("origins", "*"),
        ("origins", "null"),
        ("origins", "https://user@app.example.com"),
        ("origins", "https://app.example.com?x"),
        ("origins", "https://app.example.com#x"),
        ("origins", "https://app.example.com:99999"),
        ("origins", "ftp://app.example.com"),
    ],
)
def test_malformed_lists_are_refused(method, value):
    environment = Environment({"SOME_SETTING": value})
    getattr(environment, method)("SOME_SETTING")

    assert problem_of(environment).startswith("tollgate: SOME_SETTING is malformed: expected ")


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("HTTPS://App.Example.com:443", "https://app.example.com"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_origins_are_kept_as_browsers_send_them(written, origin):
    assert Environment({"SOME_SETTING": written}).origins("SOME_SETTING") == [origin]


@pytest.mark.parametrize("size", [31, 33])
def test_a_key_of_another_size_is_refused(size):
    value = base64.b64encode(b"x" * size).decode()
    environment = Environment({"GATEWAY_SIGNING_KEYS": f"1:{value}"})
    environment.keys("GATEWAY_SIGNING_KEYS", "", encoding="base64", at_least=32, at_most=32)

    assert problem_of(environment) == (
        "tollgate: GATEWAY_SIGNING_KEYS is malformed: expected id:value pairs, comma-separated, "
        "each value base64 of 32 bytes"
    )


def test_keys_with_a_default_may_be_left_out():
    environment = Environment({})

    keys = environment.keys("GATEWAY_SIGNING_KEYS", "", encoding="base64", at_least=32)

    assert keys == []
    environment.check()


def test_url_of_another_kind_is_refused():
    environment = Environment({"DATABASE_URL": "mysql://localhost/x"})
    environment.url("DATABASE_URL", schemes=("postgresql", "postgres"))

    assert problem_of(environment) == (
        "tollgate: DATABASE_URL is malformed: expected a URL that starts with postgresql: or postgres:"
    )


@pytest.mark.parametrize(
    "value",
    [
        *("https://[::1", "https://db:port/x", "https://db:99999/x", "https://db:0/x"),
        *("https:", "https:///x", "https://db\n.example/x", "db.example"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused(value):
    environment = Environment({"STRIPE_API_BASE": value})

    assert environment.url("STRIPE_API_BASE", schemes=("https",)) == ""
    assert problem_of(environment) == (
        "tollgate: STRIPE_API_BASE is malformed: expected a URL that starts with https:"
    )


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("1", True), ("32767", True), ("32768", False), ("000001", False), ("", False), ("٣", False)],
)
def test_the_id_of_a_pepper_fits_its_column(text, is_one):
    assert is_small_number(text) is is_one


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://key@sentry.example/42", True),
        ("https://key@sentry.example/path/42", True),
        ("https://sentry.example/42", False),
        ("https://key@sentry.example", False),
        ("https://key@sentry.example/project", False),
    ],
)
def test_sentry_is_told_a_key_and_a_project(url, is_one):
    assert is_dsn(url) is is_one


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://Tollgate.example.com/", "https://tollgate.example.com"),
        ("http://localhost:8231", "http://localhost:8231"),
        ("https://tollgate.example.com:443", "https://tollgate.example.com"),
        ("https://tollgate.example.com/keys", ""),
        ("https://u:p@tollgate.example.com", ""),
        ("https://tollgate.example.com?x#y", ""),
        ("https://[::1", ""),
        ("ftp://tollgate.example.com", ""),
    ],
)
def test_the_place_that_people_use_is_an_origin(written, origin):
    environment = Environment({"PUBLIC_URL": written})

    assert environment.origin("PUBLIC_URL") == origin
    if not origin:
        assert problem_of(environment) == (
            "tollgate: PUBLIC_URL is malformed: expected an origin like https://tollgate.example.com"
        )


@pytest.mark.parametrize(
    ("url", "host", "port", "options"),
    [
        ("postgresql://u:p%40w@db.example:6432/name", "db.example", "6432", {}),
        ("postgresql://u:p%40w@/name?host=%2Fvar%2Frun", "/var/run", "", {}),
        ("postgres://u:p%40w@%2Fvar%2Frun/name", "/var/run", "", {}),
        ("postgresql://u:p%40w@h/name?sslmode=require", "h", "", {"sslmode": "require"}),
    ],
)
def test_database_url_is_taken_apart(url, host, port, options):
    assert database(url) == {
        "ENGINE": "config.common.postgresql",
        "NAME": "name",
        "USER": "u",
        "PASSWORD": "p@w",
        "HOST": host,
        "PORT": port,
        "OPTIONS": options,
    }


def test_broker_names_sockets_in_its_own_way():
    assert broker("redis://:pw@h:6379/1") == "redis://:pw@h:6379/1"
    assert broker("unix:///tmp/v.sock?db=0&password=pw") == (
        "redis+socket://:pw@/tmp/v.sock?virtual_host=0"
    )


def test_mail_url_is_taken_apart():
    settings = mail("smtp+tls://me%40example.com:pw@smtp.example.com:587")

    assert settings["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
    assert settings["EMAIL_HOST_USER"] == "me@example.com"
    assert (settings["EMAIL_PORT"], settings["EMAIL_USE_TLS"], settings["EMAIL_USE_SSL"]) == (
        587,
        True,
        False,
    )


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
