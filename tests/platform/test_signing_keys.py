"""Signing keys change without signing anyone out: old tokens go on, new ones name the new key."""

import re
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO

import jwt
import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

from accounts.services import sessions
from config.common import keyring
from config.embedded.place import locate

ME = "/api/v1/users/me"
REFRESH = "/api/v1/auth/refresh"
ONE = "20260101:" + "1" * 43
TWO = "20260301:" + "2" * 43
# How the settings read a list of keys.
_READ = re.compile(r'env\.keys\(\s*"(\w+)"')


def rotate(**options):
    told = StringIO()
    call_command("rotate_signing_keys", stdout=told, **options)
    return told.getvalue()


def lists_in(told):
    """Return the lists of keys that were printed, in their order."""
    return [
        found.split(",") for found in re.findall(r"^JWT_SIGNING_KEYS=(.*)$", told, re.MULTILINE)
    ]


def asking(api, pair):
    return api.get(ME, headers={"Authorization": f"Bearer {pair.access}"}).status_code


@pytest.mark.django_db
def test_nobody_is_signed_out_at_any_step(api, settings, olivia):
    before = sessions.start(user=olivia, at=timezone.now())

    steps = lists_in(rotate())

    assert [len(step) for step in steps] == [3, 3, 1]
    accepted, promoted, alone = steps
    new = alone[0]
    assert accepted == [*settings.JWT_SIGNING_KEYS, new]
    assert promoted == [new, *settings.JWT_SIGNING_KEYS]
    old_kid = jwt.get_unverified_header(before.access)["kid"]
    made = []
    for step, kid in ((accepted, old_kid), (promoted, new.partition(":")[0])):
        settings.JWT_SIGNING_KEYS = step
        made.append(sessions.start(user=olivia, at=timezone.now()))
        assert jwt.get_unverified_header(made[-1].access)["kid"] == kid
        assert [asking(api, pair) for pair in (before, *made)] == [200] * (1 + len(made))
    # A program that has the first step only accepts what one with the second has signed.
    settings.JWT_SIGNING_KEYS = accepted
    assert asking(api, made[-1]) == 200

    settings.JWT_SIGNING_KEYS = promoted
    renewed = api.post(REFRESH, {"refresh": before.refresh}).json()

    assert jwt.get_unverified_header(renewed["access"])["kid"] == new.partition(":")[0]
    settings.JWT_SIGNING_KEYS = alone
    assert api.post(REFRESH, {"refresh": renewed["refresh"]}).status_code == 200
    assert asking(api, before) == 401


def test_it_says_from_when_the_old_key_may_go(settings):
    settings.JWT_SIGNING_KEYS = [ONE]

    with time_machine.travel("2026-03-02T09:00:00Z", tick=False):
        told = rotate()

    assert lists_in(told)[2][0].startswith("20260302:")
    assert "3. From 2026-03-17 on" in told


@pytest.mark.parametrize(("day", "goes"), [("2026-03-16", False), ("2026-03-17", True)])
def test_a_key_goes_when_nothing_it_signed_is_good(settings, day, goes):
    settings.JWT_SIGNING_KEYS = [TWO, ONE]

    with time_machine.travel(f"{day}T09:00:00Z", tick=False):
        told = rotate(only_remove=True)

    assert lists_in(told) == [[TWO] if goes else [TWO, ONE]]


def test_the_embedded_run_keeps_the_new_list_itself(settings, tmp_path):
    settings.EMBEDDED = True
    settings.PLACE = replace(locate(), local=tmp_path)
    before = settings.PLACE.secrets()
    settings.JWT_SIGNING_KEYS = before["JWT_SIGNING_KEYS"].split(",")

    told = rotate()

    after = settings.PLACE.secrets()
    new, old = after.pop("JWT_SIGNING_KEYS").split(",")
    assert old == before.pop("JWT_SIGNING_KEYS")
    assert new.partition(":")[0] == f"{timezone.now():%Y%m%d}"
    assert after == before
    assert settings.PLACE.secrets_file.stat().st_mode & 0o777 == 0o600
    assert new.partition(":")[2] not in told
    assert sorted(path.name for path in tmp_path.glob("*secrets*")) == [
        "secrets.env",
        "secrets.lock",
    ]


def test_every_list_of_keys_is_known(settings):
    modules = (settings.BASE_DIR / "config" / "settings").glob("*.py")
    read = [name for one in modules for name in _READ.findall(one.read_text(encoding="utf-8"))]

    assert sorted(read) == sorted(keyring.SETTINGS)


def test_ids_are_days_with_a_letter_for_the_second_key():
    day = date(2026, 3, 2)

    assert keyring.new_id([], on=day) == "20260302"
    assert keyring.new_id(["20260302", "20260302a"], on=day) == "20260302b"


def test_keys_without_a_day_are_kept():
    entries = ["t3:x", "t2:x", "20260101:x"]

    assert keyring.expired(entries, on=date(2030, 1, 1), after=timedelta(days=1)) == []
