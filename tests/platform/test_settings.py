"""The settings reader: missing, malformed and misspelt settings stop the start and are named."""

import base64

import pytest

from config.settings.env import Environment, is_misspelling, is_small_number
from config.settings.env import env as real_env
from tests.platform.refused_settings import problem_of


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


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("1", True), ("32767", True), ("32768", False), ("000001", False), ("", False), ("٣", False)],
)
def test_the_id_of_a_pepper_fits_its_column(text, is_one):
    assert is_small_number(text) is is_one
