"""Settings that are addresses: URLs and origins are read as one spelling, and taken apart for Django."""

import pytest

from config.settings.env import Environment, broker, database, is_dsn, mail
from tests.platform.refused_settings import problem_of


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
