"""docs/security.md covers each requirement that it promises and names tests that exist; and what no other test shows."""

import ast
import re
import secrets
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import get_default_password_validators
from django.db import connection
from django.utils import timezone

from accounts import totp
from accounts.models import RecoveryCode, User
from accounts.services import recovery_codes, registration
from config.common import crypto
from tests.architecture.source import ROOT
from tests.factories.accounts import PASSWORD

DOCUMENT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
REFERENCE = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| (.+) \|$", re.MULTILINE)
# The requirements of levels 1 and 2 in ASVS 5.0.0, chapters V6, V7 and V9.
REQUIRED = [
    *(f"6.1.{n}" for n in (1, 2, 3)),
    *(f"6.2.{n}" for n in range(1, 13)),
    *(f"6.3.{n}" for n in (1, 2, 3, 4)),
    *(f"6.4.{n}" for n in (1, 2, 3, 4)),
    *(f"6.5.{n}" for n in (1, 2, 3, 4, 5)),
    *(f"6.6.{n}" for n in (1, 2, 3)),
    *(f"6.8.{n}" for n in (1, 2, 3, 4)),
    *(f"7.1.{n}" for n in (1, 2, 3)),
    *(f"7.2.{n}" for n in (1, 2, 3, 4)),
    *(f"7.3.{n}" for n in (1, 2)),
    *(f"7.4.{n}" for n in (1, 2, 3, 4, 5)),
    *(f"7.5.{n}" for n in (1, 2)),
    *(f"7.6.{n}" for n in (1, 2)),
    *(f"9.1.{n}" for n in (1, 2, 3)),
    *(f"9.2.{n}" for n in (1, 2, 3, 4)),
]


@cache
def _tests_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_requirement_has_its_row():
    assert [row[0] for row in ROW.findall(DOCUMENT)] == REQUIRED


def test_every_row_names_a_test_or_says_why_there_is_none():
    silent = [
        number
        for number, _, shown in ROW.findall(DOCUMENT)
        if not REFERENCE.search(shown) and not shown.startswith(("does not apply", "above"))
    ]

    assert silent == []


def test_every_named_test_exists():
    named = REFERENCE.findall(DOCUMENT)

    missing = [
        f"{path}::{test}"
        for path, test in named
        if not (ROOT / path).is_file()
        or (test and (test not in _tests_of(ROOT / path) or not test.startswith("test_")))
    ]

    assert len(named) > 100
    assert missing == []


@pytest.mark.parametrize(
    "password",
    [
        "x" * 3 + "yzabcdefg",
        "aaaa bbbb cccc",
        "žluťoučký kůň",
        "correct-horse-" * 6,
        "🦓🦓🐘🐘🦒🦒🐊🐊🦩🦩",
        "9482 5731 0046 2285",
        "q" + "w7" * 120,
    ],
    ids=[
        "lower-case",
        "blanks",
        "not-english",
        "84-characters",
        "emoji",
        "digits",
        "241-characters",
    ],
)
def test_passwords_of_any_composition_are_taken(api, db, password):
    body = {"email": "nora@example.com", "password": password}

    assert api.post("/api/v1/auth/register", body).status_code == 201

    assert check_password(password, User.objects.get().password)


@pytest.mark.parametrize(
    "typed", [PASSWORD.upper(), f" {PASSWORD}", f"{PASSWORD} ", PASSWORD[:-1], PASSWORD.title()]
)
def test_a_password_is_compared_as_it_was_typed(api, olivia, typed):
    body = {"email": olivia.email, "password": typed}

    assert api.post("/api/v1/auth/login", body).status_code == 401


@pytest.mark.parametrize(
    ("path", "purpose"), [("/login/", "current-password"), ("/register/", "new-password")]
)
def test_password_fields_hide_what_is_typed_and_help_managers(portal, path, purpose):
    page = portal.get(path).content.decode()

    (field,) = re.findall(r"<input[^>]*name=\"password\"[^>]*>", page)
    assert 'type="password"' in field
    assert f'autocomplete="{purpose}"' in field
    assert "onpaste" not in page
    assert "maxlength" not in field or 'maxlength="256"' in field


def test_a_password_does_not_expire(api, olivia, clock):
    clock.shift(timedelta(days=3650))

    answer = api.post("/api/v1/auth/login", {"email": olivia.email, "password": PASSWORD})

    assert answer.status_code == 200
    assert "must_change" not in answer.content.decode()


def test_a_fresh_installation_has_no_accounts(db):
    assert not User.objects.exists()


def test_there_are_no_hints_and_no_secret_questions(db):
    with connection.cursor() as cursor:
        columns = {
            column.name
            for table in connection.introspection.table_names(cursor)
            if table.startswith("accounts_")
            for column in connection.introspection.get_table_description(cursor, table)
        }

    assert {column for column in columns if re.search("hint|question|answer", column)} == set()
    helps = [validator.get_help_text() for validator in get_default_password_validators()]
    assert all(helps)


def test_recovery_codes_have_more_than_112_bits_and_are_kept_as_digests(olivia):
    codes = recovery_codes.replace(user=olivia)

    assert len(set(codes)) == 10
    # Of 32 letters each has five bits: 125 in all.
    assert {len(code.replace("-", "")) for code in codes} == {25}
    assert set("".join(codes)) <= set("0123456789abcdefghjkmnpqrstvwxyz-")
    kept = {bytes(code.digest) for code in RecoveryCode.objects.all()}
    assert kept == {crypto.digest(code.replace("-", "")) for code in codes}


def test_secrets_come_from_the_systems_generator(olivia, monkeypatch):
    drawn = []

    def watched(name):
        original = getattr(secrets, name)

        def draw(*args):
            drawn.append(name)
            return original(*args)

        monkeypatch.setattr(secrets, name, draw)

    for name in ("token_urlsafe", "token_hex", "token_bytes", "choice"):
        watched(name)
    for make in (
        crypto.new_token,
        totp.new_seed,
        lambda: recovery_codes.replace(user=olivia),
        lambda: registration.register(email="nora@example.com", password=PASSWORD),
    ):
        drawn.clear()
        make()
        assert drawn, make


def test_a_portal_cookie_holds_a_long_random_key(portal_as, olivia, settings):
    keys = {portal_as(olivia).cookies[settings.SESSION_COOKIE_NAME].value for _ in range(3)}

    assert len(keys) == 3
    # 32 of 36 characters: 165 bits.
    assert all(re.fullmatch("[a-z0-9]{32}", key) for key in keys)


def test_a_portal_session_ends_after_fourteen_days_though_it_is_used(portal_as, olivia, clock):
    browser = portal_as(olivia)
    for _ in range(13):
        clock.shift(timedelta(days=1))
        assert browser.get("/profile/").status_code == 200

    clock.shift(timedelta(days=1))

    assert browser.get("/profile/").status_code == 302
    assert timezone.now().day == 16


@pytest.mark.parametrize("path", ["/overview/", "/profile/", "/security/", "/keys/", "/team/"])
def test_every_account_page_offers_to_sign_out(portal_as, olivia, path):
    page = portal_as(olivia).get(path).content.decode()

    assert re.search(r'<form method="post" action="/logout/">', page)
