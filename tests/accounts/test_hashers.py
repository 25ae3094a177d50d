"""Hashes: Argon2id for what is new, bcrypt as it came from elsewhere, long passwords, and never too many at once."""

import threading
import time
from io import StringIO

import bcrypt
import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password
from django.contrib.auth.password_validation import (
    CommonPasswordValidator,
    get_default_password_validators,
)
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection

from accounts import hashers
from accounts.models import User
from tests.factories.accounts import PASSWORD, UserFactory

LOGIN = "/api/v1/auth/login"
pytestmark = pytest.mark.usefixtures("few_rounds")


def bare(password, prefix=b"2b"):
    """Return a hash as bcrypt itself prints it; few rounds, since a test waits for them."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4, prefix)).decode()


def test_what_is_new_is_argon2id():
    assert make_password("anything").startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize("kind", ["bcrypt", "bcrypt_sha256", "2a", "2b"])
def test_bcrypt_is_accepted_and_upgraded(api, db, kind):
    older = (
        bare(PASSWORD, kind.encode())
        if kind.startswith("2")
        else make_password(PASSWORD, None, kind)
    )
    nora = UserFactory.create(email="nora@example.com", password=older)

    refused = api.post(LOGIN, {"email": nora.email, "password": "wrong"})
    accepted = api.post(LOGIN, {"email": nora.email, "password": PASSWORD})

    assert (refused.status_code, accepted.status_code) == (401, 200)
    stored = User.objects.get().password
    assert stored.startswith("argon2$argon2id$")
    assert check_password(PASSWORD, stored)


def test_a_bare_hash_gets_its_name_however_it_is_written(db):
    nora = UserFactory.create()
    older = bare(PASSWORD)

    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET password = %s", [older])

    nora.refresh_from_db()
    assert nora.password == f"bcrypt${older}"
    assert identify_hasher(nora.password).algorithm == "bcrypt"


@pytest.mark.parametrize("stored", ["$2b$12$short", "!unusable", "$2b$", "nonsense"])
def test_other_texts_stay_as_they_are_and_match_nothing(api, db, stored):
    nora = UserFactory.create(password=stored)

    nora.refresh_from_db()
    assert nora.password == stored
    assert api.post(LOGIN, {"email": nora.email, "password": stored}).status_code == 401


def test_bcrypt_takes_no_two_long_passwords_for_each_other(api, db):
    shared = "a" * 72
    nora = UserFactory.create(password=bare(shared))

    longer = api.post(LOGIN, {"email": nora.email, "password": f"{shared}b"})
    exact = api.post(LOGIN, {"email": nora.email, "password": shared})

    assert (longer.status_code, exact.status_code) == (401, 200)


def test_every_character_of_a_long_password_counts(api, db):
    password = "é" * 255
    nora = UserFactory.create(password=make_password(f"{password}x"))

    other = api.post(LOGIN, {"email": nora.email, "password": f"{password}y"})
    right = api.post(LOGIN, {"email": nora.email, "password": f"{password}x"})

    assert (other.status_code, right.status_code) == (401, 200)


@pytest.mark.parametrize("path", [LOGIN, "/api/v1/auth/register"], ids=["login", "register"])
def test_an_endless_password_is_refused_clearly(api, db, path):
    response = api.post(path, {"email": "nora@example.com", "password": "x" * 257})

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("#/password", "max_length")
    assert not User.objects.exists()


def test_an_endless_password_is_refused_at_djangos_own_door(sam, monkeypatch):
    monkeypatch.setattr(
        "django.contrib.auth.management.commands.changepassword.getpass.getpass",
        lambda *_, **__: "many unrelated words " * 13,
    )

    with pytest.raises(CommandError, match="Aborting password change"):
        call_command("changepassword", sam.email, stdout=StringIO(), stderr=(told := StringIO()))

    assert "This password is too long" in told.getvalue()
    assert User.objects.get().check_password(PASSWORD)


def test_the_list_of_common_passwords_is_the_long_one():
    (validator,) = [
        one for one in get_default_password_validators() if isinstance(one, CommonPasswordValidator)
    ]

    assert len(validator.passwords) > 19_000


@pytest.mark.parametrize("password", ["qwertyuiop", "QwErTyUiOp", " 1234567890 "])
def test_common_passwords_are_refused_in_any_case(api, db, password):
    response = api.post(
        "/api/v1/auth/register", {"email": "nora@example.com", "password": password}
    )

    assert response.status_code == 400
    assert "too common" in response.content.decode()
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("password", "is_refused"),
    [
        ("Tollgate-2026!", True),
        ("tollgatetollgate", True),
        ("password-welcome", True),
        ("testserver1234", True),
        ("ACME-gateway-1", False),
        ("Acme Corp 2026", True),
        ("my tollgate is a horse", False),
        ("four unrelated words", False),
    ],
)
def test_words_of_this_place_do_not_make_a_password(settings, password, is_refused):
    settings.PRODUCT_NAME = "Acme Corp"
    validator = hashers.ContextWordsValidator()

    if not is_refused:
        validator.validate(password)
        return
    with pytest.raises(ValidationError, match="anybody would try"):
        validator.validate(password)


def test_registering_refuses_the_name_of_the_product(api, db):
    body = {"email": "nora@example.com", "password": "Tollgate-2026!"}

    response = api.post("/api/v1/auth/register", body)

    assert response.status_code == 400
    assert "anybody would try here" in response.content.decode()
    assert not User.objects.exists()


def test_only_some_hash_at_a_time():
    """While a slot is taken, nobody hashes; as soon as it is free, everybody does, one after the other."""
    taken = [hashers._slots.acquire() for _ in range(hashers.SLOTS)]
    assert all(taken)
    done: list[str] = []
    threads = [
        threading.Thread(target=lambda: done.append(make_password("anything"))) for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    time.sleep(0.2)
    waiting = len(done)
    for _ in taken:
        hashers._slots.release()
    for thread in threads:
        thread.join(timeout=60)

    assert (waiting, len(done)) == (0, 8)


@pytest.mark.parametrize("algorithm", ["argon2", "bcrypt", "bcrypt_sha256"])
def test_checking_takes_a_slot_and_gives_it_back(algorithm):
    stored = make_password("right", None, algorithm)

    verdicts = [check_password(text, stored) for text in ("right", "wrong", "x" * 100)]

    assert verdicts == [True, False, False]
    assert hashers._slots._value == hashers.SLOTS


def hashes_of_a_refusal(api, monkeypatch, email):
    """Return which kinds of hash a refused sign-in is compared with."""
    compared = []
    for kind in (hashers.Argon2idHasher, hashers.BCryptHasher):

        def verify(self, password, encoded, kind=kind, verify=kind.verify):
            compared.append(kind.algorithm)
            return verify(self, password, encoded)

        monkeypatch.setattr(kind, "verify", verify)
    assert api.post(LOGIN, {"email": email, "password": "wrong"}).status_code == 401
    monkeypatch.undo()
    return sorted(compared)


def test_a_refusal_costs_the_same_for_imported_accounts_and_others(api, db, monkeypatch):
    imported = UserFactory.create(password=bare(PASSWORD))
    suspended = UserFactory.create(status="SUSPENDED")
    emails = [imported.email, UserFactory.create().email, suspended.email, "nobody@example.com"]

    kinds = [hashes_of_a_refusal(api, monkeypatch, email) for email in emails]

    assert kinds == [["argon2", "bcrypt"]] * 4


def test_once_nothing_imported_is_left_nothing_more_is_spent(api, db, monkeypatch):
    imported = UserFactory.create(password=bare(PASSWORD))
    assert api.post(LOGIN, {"email": imported.email, "password": PASSWORD}).status_code == 200

    assert hashes_of_a_refusal(api, monkeypatch, "nobody@example.com") == ["argon2"]
